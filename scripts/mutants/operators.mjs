import ts from 'typescript';

/**
 * One change of one operator in a source file.
 *
 * @typedef {object} Mutant
 * @property {string} file from the project's root
 * @property {number} line from 1
 * @property {number} start where the changed text begins
 * @property {number} end
 * @property {string} from
 * @property {string} to
 * @property {string} code the line that it begins on, without its indentation
 */

const K = ts.SyntaxKind;

/** @type {ReadonlyMap<ts.SyntaxKind, readonly string[]>} */
const BINARY = new Map([
  [K.LessThanToken, ['<=', '>=']],
  [K.LessThanEqualsToken, ['<', '>']],
  [K.GreaterThanToken, ['>=', '<=']],
  [K.GreaterThanEqualsToken, ['>', '<']],
  [K.EqualsEqualsEqualsToken, ['!==']],
  [K.ExclamationEqualsEqualsToken, ['===']],
  [K.AmpersandAmpersandToken, ['||']],
  [K.BarBarToken, ['&&']],
  [K.QuestionQuestionToken, ['&&']],
  [K.PlusToken, ['-']],
  [K.MinusToken, ['+']],
  [K.AsteriskToken, ['/']],
  [K.SlashToken, ['*']],
  [K.PercentToken, ['*']],
  [K.PlusEqualsToken, ['-=']],
  [K.MinusEqualsToken, ['+=']],
]);

/** @type {Readonly<Record<string, string>>} */
const CALLED = { 'Math.max': 'Math.min', 'Math.min': 'Math.max', some: 'every', every: 'some' };

/**
 * All changes of one operator: of comparisons, logic, arithmetic, conditions, negations and truth values. Always in the
 * same order.
 *
 * @param {string} file
 * @param {string} text
 * @returns {Mutant[]}
 */
export function mutantsOf(file, text) {
  const root = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lines = text.split('\n');
  /** @type {Mutant[]} */
  const found = [];
  const change = (/** @type {ts.Node} */ node, /** @type {string} */ to) => {
    const start = node.getStart(root);
    const line = root.getLineAndCharacterOfPosition(start).line;
    found.push({ file, line: line + 1, start, end: node.end, from: text.slice(start, node.end), to, code: (lines[line] ?? '').trim() });
  };
  const visit = (/** @type {ts.Node} */ node) => {
    // Types have truth values and operators of their own, which nothing runs.
    if (ts.isTypeNode(node)) return;
    for (const [changed, to] of changesAt(node, root)) change(changed, to);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

/**
 * @param {ts.Node} node
 * @param {ts.SourceFile} root
 * @returns {Array<[node: ts.Node, to: string]>}
 */
function changesAt(node, root) {
  if (ts.isBinaryExpression(node)) {
    const { operatorToken } = node;
    if (operatorToken.kind === K.PlusToken && [node.left, node.right].some(isText)) return [];
    return (BINARY.get(operatorToken.kind) ?? []).map((to) => [operatorToken, to]);
  }
  if (node.kind === K.TrueKeyword) return [[node, 'false']];
  if (node.kind === K.FalseKeyword) return [[node, 'true']];
  if (ts.isPrefixUnaryExpression(node) && (node.operator === K.ExclamationToken || node.operator === K.MinusToken)) {
    return [[node, node.operand.getText(root)]];
  }
  if (ts.isCallExpression(node)) return calledAt(node.expression, root);
  const condition = conditionOf(node);
  // The operator of a condition is changed by itself; what has none is negated.
  if (condition === undefined || ts.isBinaryExpression(condition) || ts.isPrefixUnaryExpression(condition)) return [];
  return [[condition, `!(${condition.getText(root)})`]];
}

/** @param {ts.Node} called @param {ts.SourceFile} root @returns {Array<[node: ts.Node, to: string]>} */
function calledAt(called, root) {
  if (!ts.isPropertyAccessExpression(called)) return [];
  const whole = CALLED[called.getText(root)];
  if (whole !== undefined) return [[called, whole]];
  const to = CALLED[called.name.text];
  return to === undefined ? [] : [[called.name, to]];
}

/** @param {ts.Node} node */
function conditionOf(node) {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) return node.expression;
  return ts.isConditionalExpression(node) || ts.isForStatement(node) ? node.condition : undefined;
}

/** @param {ts.Expression} expression */
function isText(expression) {
  return ts.isStringLiteralLike(expression) || ts.isTemplateExpression(expression);
}

/** @param {string} text @param {Mutant} mutant */
export function applied(text, { start, end, to }) {
  return text.slice(0, start) + to + text.slice(end);
}
