import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

export const ROOT = join(import.meta.dirname, '..', '..');

/** One TypeScript block of a page. */
export interface CodeBlock {
  readonly page: string;
  /** Of the line that opens it. */
  readonly line: number;
  /** Its first line, when that is a comment such as `// main.ts`; otherwise a name made from page and line. */
  readonly file: string;
  readonly text: string;
}

/** The pages whose code and links are held to account. */
export function pages(): readonly string[] {
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  const examples = readdirSync(join(ROOT, 'examples')).map((name) =>
    name === 'README.md' ? 'examples/README.md' : `examples/${name}/README.md`,
  );
  return ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...docs.map((name) => `docs/${name}`), ...examples];
}

/**
 * The application of the README: the blocks that name their file. A file that the README shows twice is shown as it is
 * without ZooKeeper, and then with it.
 */
export function quickStart(variant: 'standalone' | 'with ZooKeeper'): readonly CodeBlock[] {
  const named = codeBlocks('README.md').filter((block) => !block.file.startsWith('README'));
  const shown = variant === 'standalone' ? named.toReversed() : named;
  return [...new Map(shown.map((block) => [block.file, block])).values()];
}

export function codeBlocks(page: string): readonly CodeBlock[] {
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  return [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => {
    const text = match[1] ?? '';
    const line = markdown.slice(0, match.index).split('\n').length;
    const file = /^\/\/ ([\w.-]+\.ts)\n/.exec(text)?.[1] ?? `${page.replaceAll(/\W+/g, '-')}-line-${line}.ts`;
    return { page, line, file, text };
  });
}

/** Code blocks as files below the project, where `nestjs-cluster-cron` means the project itself. */
export class Workshop implements Disposable {
  readonly directory: string;
  private readonly program: ts.Program;

  constructor(private readonly blocks: readonly CodeBlock[]) {
    const cache = join(ROOT, '.cache');
    mkdirSync(cache, { recursive: true });
    this.directory = mkdtempSync(join(cache, 'docs-'));
    const files = blocks.map((block) => join(this.directory, block.file));
    blocks.forEach((block, index) => writeFileSync(files[index] ?? '', block.text));
    this.program = ts.createProgram(files, this.compilerOptions());
  }

  /** What the compiler has against the blocks, each problem with the page and line it stands on. */
  problems(): readonly string[] {
    return this.blocks.flatMap((block) => {
      const source = this.source(block);
      const found = [...this.program.getSyntacticDiagnostics(source), ...this.program.getSemanticDiagnostics(source)];
      return found.map((each) => {
        const within = source.getLineAndCharacterOfPosition(each.start ?? 0).line;
        return `${block.page}:${block.line + within + 1}: ${ts.flattenDiagnosticMessageText(each.messageText, '\n')}`;
      });
    });
  }

  /** Compiles to JavaScript; answers where the file named `file` went. */
  emit(file: string): string {
    for (const block of this.blocks) this.program.emit(this.source(block));
    return join(this.directory, 'js', relative(ROOT, this.directory), file.replace(/\.ts$/, '.js'));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private source(block: CodeBlock): ts.SourceFile {
    const source = this.program.getSourceFile(join(this.directory, block.file));
    if (source === undefined) throw new Error(`${block.file} is not part of the program`);
    return source;
  }

  private compilerOptions(): ts.CompilerOptions {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
      config: { compilerOptions: object };
    };
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
    return {
      ...options,
      rootDir: ROOT,
      outDir: join(this.directory, 'js'),
      declaration: false,
      // Tests in the documentation are written for Jest and for Vitest.
      types: ['node', 'vitest/globals'],
      paths: {
        'nestjs-cluster-cron': [join(ROOT, 'src', 'index.ts')],
        '@nestjs/locks': [join(ROOT, 'test', 'support', 'nest-locks.ts')],
        'nestjs-cluster-cron/locks': [join(ROOT, 'src', 'locks.ts')],
        'nestjs-cluster-cron/testing': [join(ROOT, 'src', 'testing.ts')],
      },
    };
  }
}
