// Page instead: portals and logins answer with a page, and with success, where a file was asked for.
import { publicUrl } from "../contract/scheme.ts";

/** Endings of URLs behind which a page is to be expected. */
const PAGE_ENDINGS = new Set("html htm xhtml shtml php asp aspx jsp cgi md".split(" "));
/** Endings of files that are never pages. */
const DATA_ENDINGS = new Set(
  (
    "gz bgz bz2 xz zst lz4 zip tar tgz 7z bam bai cram crai sam vcf bcf tbi csi bed bw bigwig fa fasta fai fq fastq gff gtf " +
    "h5 hdf5 h5ad loom nc npy npz parquet csv tsv json rds rda pkl pt onnx png jpg jpeg gif tif tiff dcm nii pdf bin dat jar whl"
  ).split(" "),
);
const LOGIN_WORDS = /log-?in|sign-?in|sso|saml|oauth|authorize|openid/i;

/** Says so if the answer is such a page. A page that was asked for, or may have been, is none. */
export function pageInstead(asked: string, response: Response): string | undefined {
  const { headers, url } = response;
  const isPage = /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get("content-type") ?? "");
  if (!isPage || headers.has("content-encoding")) return undefined;
  const ending = /\.([a-z0-9]+)$/i.exec(new URL(asked).pathname)?.[1]?.toLowerCase() ?? "";
  if (PAGE_ENDINGS.has(ending)) return undefined;
  const elsewhere = publicUrl(url) !== publicUrl(asked);
  if (!DATA_ENDINGS.has(ending) && !(elsewhere && LOGIN_WORDS.test(new URL(url).pathname))) return undefined;
  return `the server sent a web page instead of the file${elsewhere ? `, from "${publicUrl(url)}"` : ""}: is a login needed?`;
}
