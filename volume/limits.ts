/** Every bound of the volume service. */

/** Largest JSON body, bytes. */
export const MOST_BODY_BYTES = 256 << 10;
/** Pages of lists: default and largest length. Spec: Cinder, `osapi_max_limit`. */
export const MOST_PAGE_LENGTH = 1000;
/** Longest name, description and metadata text, characters. Spec: Block Storage API v3. */
export const MOST_TEXT_LENGTH = 255;
/** Metadata items of one volume: with 255 characters each they stay far below a batch of the store. */
export const MOST_METADATA_ITEMS = 128;
/** Attachments of one volume that allows several. */
export const MOST_ATTACHMENTS = 64;
/** GiB of one volume, whatever the quota: 2 PiB. */
export const MOST_VOLUME_GIB = 2 << 20;
/** Long operations (creations, copies, deletions) that run at the same time; more of them wait. */
export const MOST_RUNNING_JOBS = 4;
/** Bytes moved by one read or write when volumes are filled, copied or zeroed. */
export const COPY_CHUNK_BYTES = 1 << 20;
/** How often a job asks a service that gives no answer again, and how long it waits between (doubled each time). */
export const MOST_SERVICE_ATTEMPTS = 6;
export const FIRST_RETRY_DELAY_MS = 500;
/** One LVM command; more is a hung disk. */
export const LVM_COMMAND_TIMEOUT_MS = 120_000;
/** One conversion by qemu-img. */
export const CONVERT_TIMEOUT_MS = 3_600_000;
/** Bytes of standard output and error that are kept of one command. */
export const MOST_COMMAND_OUTPUT_BYTES = 8 << 20;

export const GIB = 2 ** 30;
