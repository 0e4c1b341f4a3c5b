// What Kubernetes takes as names and labels, so that a wrong one is refused where somebody listens.

const maxLength = 63;
const word = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const subdomain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** A label's value, but for the empty one, which chooses nothing that a task could mean. */
export const isLabelValue = (text: string): boolean => text.length <= maxLength && word.test(text);

export const labelValueFault =
  "Must be letters, digits, -, _ and ., with a letter or digit at both ends, at most 63";

/** A name, or a prefix that is a DNS name, "/" and a name. */
export function isLabelKey(text: string): boolean {
  const [name = "", prefix, ...more] = text.split("/").reverse();
  if (more.length > 0 || (prefix !== undefined && !isObjectName(prefix))) return false;
  return isLabelValue(name);
}

/** The name of an object such as a service account or a priority class. */
export const isObjectName = (text: string): boolean => text.length <= 253 && subdomain.test(text);
