/** `$((…))`: integers, variables, assignment, the usual operators and precedence. */
const LEVELS = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];

export interface Variables {
  get(name: string): string;
  set(name: string, value: string): void;
}

export class ArithmeticError extends Error {
  override readonly name = "ArithmeticError";
}

export function evaluate(text: string, variables: Variables): number {
  const tokens =
    text.match(/\d+|[A-Za-z_]\w*|<<=|>>=|[-+*/%]=|\|\||&&|[=!<>]=|<<|>>|\+\+|--|[-+*/%()<>=!~^&|?:]/g) ?? [];
  let at = 0;
  const take = (): string | undefined => tokens[at++];

  function assignment(): number {
    const [name, operator] = [tokens[at], tokens[at + 1]];
    if (
      name !== undefined &&
      /^[A-Za-z_]/.test(name) &&
      operator !== undefined &&
      /^(?:[-+*/%]|<<|>>)?=$/.test(operator)
    ) {
      at += 2;
      const value = assignment();
      const result = operator === "=" ? value : apply(operator.slice(0, -1), number(variables.get(name)), value);
      variables.set(name, String(result));
      return result;
    }
    const test = binary(0);
    if (tokens[at] !== "?") return test;
    at++;
    const yes = assignment();
    if (take() !== ":") throw new ArithmeticError(`arithmetic expression: expecting ":": "${text}"`);
    const no = assignment();
    return test !== 0 ? yes : no;
  }

  function binary(level: number): number {
    const operators = LEVELS[level];
    if (operators === undefined) return unary();
    let left = binary(level + 1);
    while (operators.includes(tokens[at] ?? "")) left = apply(take()!, left, binary(level + 1));
    return left;
  }

  function unary(): number {
    const token = take();
    if (token === "-") return -unary();
    if (token === "+") return unary();
    if (token === "!") return unary() === 0 ? 1 : 0;
    if (token === "~") return ~unary();
    if (token === "(") {
      const value = assignment();
      if (take() !== ")") throw new ArithmeticError(`arithmetic expression: expecting ")": "${text}"`);
      return value;
    }
    if (token === undefined || !/^\w/.test(token))
      throw new ArithmeticError(`arithmetic expression: expecting primary: "${text}"`);
    return /^\d/.test(token) ? Number(token) : number(variables.get(token));
  }

  if (tokens.length === 0) return 0;
  const value = assignment();
  if (at < tokens.length) throw new ArithmeticError(`arithmetic expression: expecting EOF: "${text}"`);
  return value;
}

function number(text: string): number {
  const value = Number(text.trim() === "" ? 0 : text);
  if (!Number.isInteger(value)) throw new ArithmeticError(`Illegal number: ${text}`);
  return value;
}

function apply(operator: string, left: number, right: number): number {
  if ((operator === "/" || operator === "%") && right === 0) throw new ArithmeticError("division by zero");
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return Math.trunc(left / right);
    case "%":
      return left % right;
    case "<<":
      return left * 2 ** right;
    case ">>":
      return Math.floor(left / 2 ** right);
    case "&":
      return Number(BigInt(left) & BigInt(right));
    case "|":
      return Number(BigInt(left) | BigInt(right));
    case "^":
      return Number(BigInt(left) ^ BigInt(right));
    case "==":
      return Number(left === right);
    case "!=":
      return Number(left !== right);
    case "<":
      return Number(left < right);
    case ">":
      return Number(left > right);
    case "<=":
      return Number(left <= right);
    case ">=":
      return Number(left >= right);
    case "&&":
      return Number(left !== 0 && right !== 0);
    default:
      return Number(left !== 0 || right !== 0);
  }
}
