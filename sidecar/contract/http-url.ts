// HTTP URL: whether a URL can be asked for as it stands. Pure.

/** What the drivers read; `checkHttpUrl` says what else would not arrive as it was meant. */
export function readHttpUrl(text: string): { url: URL } | { fault: string } {
  // The parser would take the first name of the path for the host.
  if (!/^https?:\/\/[^/?#]/i.test(text) || !URL.canParse(text))
    return { fault: "it is no URL of the form https://host/path" };
  const url = new URL(text);
  if (url.port === "0") return { fault: "0 is no port" };
  try {
    decodeURIComponent(url.username);
    decodeURIComponent(url.password);
  } catch {
    return { fault: 'a "%" in its user or password is not followed by two hexadecimal digits of UTF-8' };
  }
  return { url };
}

/** What would be dropped of it without a word. */
export function droppedFromHttpUrl(text: string): string | undefined {
  if (/[\t\r\n]/.test(text) || text.trim() !== text)
    return "tabs, line breaks and blanks at its ends are not sent; they are written %09, %0A, %20";
  if (text.includes("#")) return 'what follows "#" is not sent; in a name it is written %23';
  return undefined;
}
