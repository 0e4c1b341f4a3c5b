// Netrc gives each host its own login, and nobody else's.
import { describe, expect, test } from "bun:test";
import { loginFor, parseNetrc } from "../../sidecar/filer/netrc.ts";
import { storageSettings } from "../../sidecar/filer/settings.ts";

const me = { host: "host.example", login: "me", password: "secret" };

describe("what is read", () => {
  test.each([
    ["on one line", "machine host.example login me password secret"],
    ["on several lines", "machine host.example\n\tlogin me\r\n  password secret\n"],
    ["password first", "machine host.example password secret login me"],
    ["with an account, which nobody asks for", "machine host.example login me account x password secret"],
    ["a host in upper case", "machine Host.EXAMPLE login me password secret"],
    ["quoted", 'machine "host.example" login "me" password "secret"'],
    ["behind comments", "# machine a login b\n#\nmachine host.example login me password secret # end"],
    ["behind a macro", "macdef init\ncd /x\nmachine no\n\nmachine host.example login me password secret"],
    ["before a macro without an end", "machine host.example login me password secret\nmacdef x\nmachine y"],
    ["before a default", "machine host.example login me password secret\ndefault login a password b"],
    ["behind a default", "default login a password b\nmachine host.example login me password secret"],
  ])("%s", (_, text) => {
    expect(parseNetrc(text)).toEqual([me]);
  });

  test.each([
    ["#begins", "#begins"],
    ['"with blank"', "with blank"],
    ['"a \\"quote\\" and \\\\"', 'a "quote" and \\'],
    ['half"quote', 'half"quote'],
    ['"open', '"open'],
    ["machine", "machine"],
    ['""', ""],
    ["pass\\word", "pass\\word"],
    ["ünï#x", "ünï#x"],
  ])("the password %s", (written, password) => {
    const [first, second] = parseNetrc(`machine a login b password ${written}\nmachine c`);
    expect(first).toEqual({ host: "a", login: "b", password });
    expect(second?.host).toBe("c");
  });

  test("nothing", () => expect(parseNetrc(" \n")).toEqual([]));
});

describe("what is refused, without a word of it", () => {
  test.each([
    ["an unknown word", "machine a login b\npassword c secret", "line 2"],
    ["a value that is missing", "machine a\n\nlogin", 'line 3: "login" without a value'],
    ["a login without a machine", "login secret", "line 1"],
  ])("%s", (_, text, words) => {
    const read = () => parseNetrc(text);
    expect(read).toThrow(words);
    expect(read).not.toThrow("secret");
  });
});

describe("who is known where", () => {
  const logins = parseNetrc(`
    machine host.example login me password secret
    machine host.example login other password other
    machine 127.0.0.1 login local password p
    default login any password thing`);
  test("the first login of a host", () => expect(loginFor(logins, "HOST.example")).toEqual(me));
  test("an address", () => expect(loginFor(logins, "127.0.0.1")?.login).toBe("local"));
  test.each(["example", "sub.host.example", "host.example.org", ""])('nobody on "%s"', (host) => {
    expect(loginFor(logins, host)).toBeUndefined();
  });
});

describe("NETRC of the environment", () => {
  test("says who to be on a host", () => {
    const { loginOn } = storageSettings({ NETRC: "machine host.example login me password secret" });
    expect(loginOn?.("host.example")).toEqual(me);
    expect(storageSettings({}).loginOn?.("host.example")).toBeUndefined();
  });

  test("fails only who asks, if it cannot be read, and then for good", () => {
    const { loginOn } = storageSettings({ NETRC: "machine a login b passwort secret" });
    const ask = () => loginOn?.("a");
    expect(ask).toThrow(expect.objectContaining({ name: "StorageError", kind: "permanent" }));
    expect(ask).not.toThrow("secret");
  });
});
