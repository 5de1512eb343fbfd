import ts from 'typescript';
import type { SourceText } from './architecture.js';

export const MAX_COMMENT_COLUMNS = 120;

/**
 * The lines of comments that are too long, a sentence for each. Only comments that begin their line: where one stands
 * beside code, how long the line is is the formatter's business.
 */
export function wideComments({ path, text }: SourceText): string[] {
  // As all lines of comments begin here; only files that have such a line are parsed, to see
  // whether it is none of a text.
  const lines = [...text.matchAll(/^ *(?:\/\/|\/\*|\*).*$/gm)];
  const starts = lines.flatMap(({ 0: line, index }) => (line.length > MAX_COMMENT_COLUMNS ? [index] : []));
  if (starts.length === 0) return [];
  const root = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return commentsAround(starts, root, text).flatMap(({ pos, end }) => {
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

/**
 * The comments before each token around one of these positions. Before tokens and not only before nodes: a comment may
 * stand in front of a closing brace.
 */
function commentsAround(positions: readonly number[], root: ts.SourceFile, text: string): ts.CommentRange[] {
  const found = new Map<number, ts.CommentRange>();
  const visit = (node: ts.Node): void => {
    if (!positions.some((position) => position >= node.pos && position <= node.end)) return;
    for (const range of ts.getLeadingCommentRanges(text, node.pos) ?? []) found.set(range.pos, range);
    for (const child of node.getChildren(root)) visit(child);
  };
  visit(root);
  return [...found.values()];
}
