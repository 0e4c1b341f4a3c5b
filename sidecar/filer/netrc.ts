// Netrc: who to be on which host, in the form of ~/.netrc, as ftp, curl and Python read it.

export interface HostLogin {
  /** In lower case, without a port. */
  host: string;
  login: string;
  password: string;
}

/** As curl and Python have it: a word, or a quoted text in which a backslash takes the next character as it is. */
const TOKEN = /"((?:[^"\\]|\\.)*)"(?!\S)|\S+/gs;

/**
 * The hosts with their logins, in their order. `default` is read over: every task may name a host, and none may so be handed
 * a password that was not meant for it. `account` and `macdef` are read over too, and so is what follows a "#" where a new
 * entry could begin. Throws SyntaxError, which names the line and never what stands in it.
 */
export function parseNetrc(text: string): HostLogin[] {
  const logins: HostLogin[] = [];
  const scanner = scan(text);
  let entry: HostLogin | undefined;
  for (let word = scanner.keyword(); word !== undefined; word = scanner.keyword()) {
    if (word === "machine") {
      entry = { host: scanner.value(word).toLowerCase(), login: "", password: "" };
      logins.push(entry);
    } else if (word === "default") entry = { host: "", login: "", password: "" };
    else if (!entry || !isField(word)) throw scanner.fault("a word that has no meaning here");
    else setField(entry, word, scanner.value(word));
  }
  return logins;
}

/** The first login for the host, case ignored; undefined: nobody is known there. */
export const loginFor = (logins: readonly HostLogin[], host: string): HostLogin | undefined =>
  logins.find((login) => login.host === host.toLowerCase());

type Field = "login" | "password" | "account";
const isField = (word: string): word is Field => ["login", "password", "account"].includes(word);

function setField(entry: HostLogin, field: Field, value: string): void {
  if (field !== "account") entry[field] = value;
}

interface Scanner {
  /** The next word that begins something, comments and macros left out. */
  keyword(): string | undefined;
  /** What must follow it. */
  value(keyword: string): string;
  fault(what: string): SyntaxError;
}

function scan(text: string): Scanner {
  let position = 0;
  const next = (): string | undefined => {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    position = match ? TOKEN.lastIndex : text.length;
    return match?.[1]?.replace(/\\(.)/gs, "$1") ?? match?.[0];
  };
  const fault = (what: string): SyntaxError =>
    new SyntaxError(`Cannot read netrc, line ${text.slice(0, position).split("\n").length}: ${what}`);
  const skipPast = (end: RegExp): void => {
    end.lastIndex = position;
    end.exec(text);
    position = end.lastIndex;
  };
  return {
    fault,
    keyword() {
      for (let word = next(); ; word = next()) {
        if (word?.startsWith("#")) skipPast(/\n|$/g);
        else if (word === "macdef") skipPast(/\n[^\S\n]*\n|$/g);
        else return word;
      }
    },
    value(keyword) {
      const value = next();
      if (value === undefined) throw fault(`"${keyword}" without a value`);
      return value;
    },
  };
}
