/** Software bills of materials of the images, as SPDX 2.3: what is really in each, not all that was installed to build it. */
import { createHash } from "node:crypto";
import type { DebianPackage } from "./rootfs.ts";

/** A package of the npm registry of which the program has at least one file. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  /** As package-lock.json has it: "sha512-" and base64. */
  readonly integrity?: string;
}

interface Image {
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  readonly architecture: string;
  /** ISO 8601, to the second. */
  readonly created: string;
  readonly debian: readonly DebianPackage[];
  /** Of the release whose packages they are: "bookworm", as `distro` in their URLs. */
  readonly distribution: string;
  readonly npm: readonly NpmPackage[];
}

/** The document, the same for the same image. Pure. */
export function spdxOf(image: Image): object {
  const root = {
    ...common,
    SPDXID: "SPDXRef-Image",
    name: image.name,
    versionInfo: image.version,
    licenseDeclared: "Apache-2.0",
    primaryPackagePurpose: "CONTAINER",
    sourceInfo: `Built from revision ${image.revision} for linux/${image.architecture}`,
  };
  const parts = [...image.debian.map((each) => debianPart(each, image)), ...image.npm.map(npmPart)].toSorted(
    (a, b) => (a.SPDXID < b.SPDXID ? -1 : 1),
  );
  const digest = createHash("sha256")
    .update(JSON.stringify([root, parts]))
    .digest("hex");
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${image.name}-${image.version}-${image.architecture}`,
    documentNamespace: `https://spdx.org/spdxdocs/${image.name}-${image.architecture}-${digest.slice(0, 32)}`,
    creationInfo: { created: image.created, creators: ["Tool: tespod-images"] },
    packages: [root, ...parts],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: root.SPDXID },
      ...parts.map(({ SPDXID }) => ({
        spdxElementId: root.SPDXID,
        relationshipType: "CONTAINS",
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

const common = {
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  licenseConcluded: "NOASSERTION",
  licenseDeclared: "NOASSERTION",
  copyrightText: "NOASSERTION",
};

const idOf = (...parts: readonly string[]): string =>
  `SPDXRef-${parts.join("-").replaceAll(/[^A-Za-z0-9.-]+/g, "-")}`;

const purl = (locator: string) => [
  { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: locator },
];

/** A character that has a meaning in a package URL is escaped; "@" of an npm scope too. */
const escaped = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":");

function debianPart(part: DebianPackage, { distribution }: Image) {
  const { name, version, sha256, architecture, source, sourceVersion } = part;
  return {
    ...common,
    SPDXID: idOf("deb", name, version),
    name,
    versionInfo: version,
    supplier: "Organization: Debian",
    sourceInfo: `Debian source package ${source} ${sourceVersion}`,
    licenseComments: `The image has /usr/share/doc/${name}/copyright`,
    checksums: [{ algorithm: "SHA256", checksumValue: sha256 }],
    externalRefs: purl(
      `pkg:deb/debian/${name}@${escaped(version)}?arch=${architecture}&distro=${distribution}`,
    ),
  };
}

function npmPart({ name, version, license, integrity }: NpmPackage) {
  const checksum = integrity?.startsWith("sha512-")
    ? Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex")
    : undefined;
  return {
    ...common,
    SPDXID: idOf("npm", name, version),
    name,
    versionInfo: version,
    licenseDeclared: license !== undefined && /^[A-Za-z0-9.+() -]+$/.test(license) ? license : "NOASSERTION",
    ...(checksum === undefined ? {} : { checksums: [{ algorithm: "SHA512", checksumValue: checksum }] }),
    externalRefs: purl(`pkg:npm/${name.split("/").map(escaped).join("/")}@${escaped(version)}`),
  };
}
