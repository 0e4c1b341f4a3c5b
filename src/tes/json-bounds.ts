// checkingJson: whether a text would cost too much as JSON, seen by one pass over it before any value is made of it.
import type { Steps } from "./in-turns.ts";

export interface JsonBounds {
  /** Arrays and objects within one another. */
  readonly depthMax: number;
  /** Elements and members, keys and values not counted apart. */
  readonly valuesMax: number;
}

const quote = '"'.charCodeAt(0);
const backslash = "\\".charCodeAt(0);

/** What each sign adds outside of strings, by its code: tables, as millions are looked up. */
const codes = 0x1_0000;
const toLevel = new Int8Array(codes);
const toValues = new Int8Array(codes);
for (const sign of "[{") toLevel[sign.charCodeAt(0)] = 1;
for (const sign of "]}") toLevel[sign.charCodeAt(0)] = -1;
// Each value but the first has a comma or an opening sign before it.
for (const sign of "[{,") toValues[sign.charCodeAt(0)] = 1;

/** So many characters are a step: a millisecond or two. */
const stepLength = 512 * 1024;

/**
 * What is wrong with it, or undefined for what is within the bounds. A text that is no JSON may be called either: the parser says
 * what is wrong with it.
 */
export function* checkingJson(text: string, { depthMax, valuesMax }: JsonBounds): Steps<string | undefined> {
  const count = createCount(text);
  for (let end = 0; end < text.length; yield) {
    end += stepLength;
    const { depth, values } = count(end);
    if (depth > depthMax) return `Body is nested deeper than ${depthMax} levels`;
    if (values > valuesMax) return `Body has more than ${valuesMax} values`;
  }
  return undefined;
}

/** Goes on to `end` at each call, and answers how deep it came and how many values it met since the beginning. */
function createCount(text: string): (end: number) => { readonly depth: number; readonly values: number } {
  let at = 0;
  let isInString = false;
  let level = 0;
  let depth = 0;
  let values = 1;

  function passString(last: number): void {
    while (isInString && at < last) {
      const sign = text.charCodeAt(at);
      at += sign === backslash ? 2 : 1;
      isInString = sign !== quote;
    }
  }

  function passOthers(last: number): void {
    while (!isInString && at < last) {
      const sign = text.charCodeAt(at++);
      isInString = sign === quote;
      values += toValues[sign] ?? 0;
      level += toLevel[sign] ?? 0;
      if (level > depth) depth = level;
    }
  }

  return (end) => {
    const last = Math.min(end, text.length);
    while (at < last) isInString ? passString(last) : passOthers(last);
    return { depth, values };
  };
}
