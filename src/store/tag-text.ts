// Tag text: all tags of a task as one text beside its state, in which a tag is found with no look at the rows of tags.

/** Of longer ones there is none: rows that lists read are to stay thin. */
const textMax = 400;

interface Tag {
  readonly key: string;
  readonly value: string;
}

/** The tags as lists look for them; null if they are too long. Stored: a tag is written the same way for ever. */
export function tagText(tags: readonly Tag[]): string | null {
  const text = `&${tags.map((tag) => tagNeedle(tag).slice(1)).join("")}`;
  return text.length > textMax ? null : text;
}

/** What stands in the text of tasks that have the tag, or one of that key, and of no other. */
export const tagNeedle = ({ key, value }: { key: string; value?: string }): string =>
  value === undefined ? `&${encode(key)}=` : `&${encode(key)}=${encode(value)}&`;

/** Neither "&" nor "=" is left in it. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());
