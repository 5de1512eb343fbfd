import ts from 'typescript';
import type { SourceText } from './architecture.js';

export const MAX_COMMENT_COLUMNS = 120;

/**
 * The lines of comments that are too long, a sentence for each. Only comments that begin their line: where one stands
 * beside code, how long the line is is the formatter's business.
 */
export function wideComments({ path, text }: SourceText): string[] {
  const root = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return commentsOf(root, text).flatMap(({ pos, end }) => {
    const begin = text.lastIndexOf('\n', pos - 1) + 1;
    if (text.slice(begin, pos).trim() !== '') return [];
    const line = root.getLineAndCharacterOfPosition(pos).line + 1;
    return text
      .slice(begin, end)
      .split('\n')
      .flatMap(({ length }, index) =>
        length > MAX_COMMENT_COLUMNS ? [`${path}:${line + index}: a comment of ${length} columns, at most ${MAX_COMMENT_COLUMNS}`] : [],
      );
  });
}

/** They belong to the tokens, not to the nodes: a comment may stand before a closing brace. */
function commentsOf(root: ts.SourceFile, text: string): ts.CommentRange[] {
  const found = new Map<number, ts.CommentRange>();
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) found.set(range.pos, range);
    for (const range of ts.getTrailingCommentRanges(text, node.getEnd()) ?? []) found.set(range.pos, range);
    for (const child of node.getChildren(root)) visit(child);
  };
  visit(root);
  return [...found.values()];
}
