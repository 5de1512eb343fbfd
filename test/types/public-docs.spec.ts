import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/process.js';

/** Errors that all methods of a class reject with stand with the class; each method names its own. */
const REJECT: ReadonlySet<string> = new Set(['ClusterJobs', 'MasterElection']);

describe('the public names', () => {
  const entries = ['src/index.ts', 'src/locks.ts', 'src/testing.ts'].map((name) => join(ROOT, name));
  const program = ts.createProgram(entries, { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, strict: true });

  it('each have a doc comment, and so have their members', () => {
    const documented = entries.flatMap((entry) => exportsOf(program, entry)).flatMap(withMembers);
    expect(documented.length).toBeGreaterThan(250);
    expect(documented.filter(({ doc }) => doc === '').map(({ name }) => name)).toEqual([]);
  });

  it('say what they reject with', () => {
    const methods = entries
      .flatMap((entry) => exportsOf(program, entry))
      .filter(({ name }) => REJECT.has(name))
      .flatMap(withMembers)
      .filter(({ isAsync }) => isAsync);
    expect(methods.length).toBeGreaterThan(12);
    expect(methods.filter(({ throws }) => throws === 0).map(({ name }) => name)).toEqual([]);
  });

  it('would be found wanting without either', () => {
    const text = 'export class ClusterJobs {\n/** Pauses. */\nasync pause(): Promise<void> {} x = 1; #y = 1; private z = 1; }';
    const host = ts.createCompilerHost({});
    const read = host.getSourceFile.bind(host);
    host.getSourceFile = (name, version) => (name === 'a.ts' ? ts.createSourceFile(name, text, version, true) : read(name, version));
    const planted = ts.createProgram(['a.ts'], { target: ts.ScriptTarget.ES2023 }, host);
    expect(exportsOf(planted, 'a.ts').flatMap(withMembers)).toEqual([
      { name: 'ClusterJobs', doc: '', throws: 0, isAsync: false },
      { name: 'ClusterJobs.pause', doc: 'Pauses.', throws: 0, isAsync: true },
      { name: 'ClusterJobs.x', doc: '', throws: 0, isAsync: false },
    ]);
  });
});

interface Exported {
  readonly name: string;
  readonly symbol: ts.Symbol;
  readonly checker: ts.TypeChecker;
}

function exportsOf(program: ts.Program, entry: string): Exported[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} exports nothing.`);
  return checker.getExportsOfModule(module).map((each) => ({
    name: each.name,
    symbol: (each.flags & ts.SymbolFlags.Alias) === 0 ? each : checker.getAliasedSymbol(each),
    checker,
  }));
}

interface Documented {
  readonly name: string;
  readonly doc: string;
  readonly throws: number;
  readonly isAsync: boolean;
}

/**
 * The name itself, and the members that are declared with it; a constructor's parameter that is a
 * field is told by its class.
 */
function withMembers({ name, symbol, checker }: Exported): Documented[] {
  const about = (named: string, each: ts.Symbol): Documented => ({
    name: named,
    doc: ts.displayPartsToString(each.getDocumentationComment(checker)),
    throws: each.getJsDocTags(checker).filter((tag) => tag.name === 'throws').length,
    isAsync: each.declarations?.some((one) => ts.isMethodDeclaration(one) && one.type?.getText().startsWith('Promise<')) === true,
  });
  const own = (symbol.declarations ?? []).flatMap((declaration): readonly ts.NamedDeclaration[] => {
    if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) return declaration.members;
    return ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type) ? declaration.type.members : [];
  });
  const members = own.flatMap((member) => {
    const hidden = ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected);
    if (hidden !== 0 || member.name === undefined || !ts.isIdentifier(member.name)) return [];
    const found = checker.getSymbolAtLocation(member.name);
    return found === undefined ? [] : [about(`${name}.${member.name.text}`, found)];
  });
  return [about(name, symbol), ...members];
}
