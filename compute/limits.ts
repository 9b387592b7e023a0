/** Every bound of the compute service. */

export const MOST_BODY_BYTES = 1 << 20;
export const MOST_PAGE = 1000;
export const MOST_NAME_CHARACTERS = 255;
export const MOST_METADATA_ITEMS = 128;
export const MOST_METADATA_CHARACTERS = 255;
export const MOST_TAGS = 50;
export const MOST_TAG_CHARACTERS = 60;
export const MOST_USER_DATA_CHARACTERS = 65_535;
/** Servers that one request may make. */
export const MOST_SERVERS_PER_REQUEST = 100;
export const MOST_FLAVORS = 1000;
export const MOST_KEYPAIRS_PER_USER = 100;
export const MOST_PUBLIC_KEY_CHARACTERS = 16_384;
/** Actions remembered per server; older ones are forgotten. */
export const MOST_ACTIONS_PER_SERVER = 50;

/** PCIe root ports of a guest: disks beyond these cannot be plugged. The root disk from an image has its own place. */
export const HOT_PLUG_PORTS = 12;
/** Virtio shows the first 20 characters of a disk's serial. */
export const MOST_SERIAL_CHARACTERS = 20;

/** Image downloads and boots that run at the same time. */
export const MOST_CONCURRENT_BUILDS = 2;
/** Unplug requests to a guest before it counts as refused, and how long each is given. */
export const UNPLUG_ATTEMPTS = 6;
export const UNPLUG_TIMEOUT_MS = 10_000;

export const VOLUME_READY_TIMEOUT_MS = 600_000;
export const VOLUME_POLL_MS = 500;

export const QMP_CONNECT_TIMEOUT_MS = 15_000;
export const QMP_COMMAND_TIMEOUT_MS = 60_000;
/** The longest line that QEMU may send. */
export const MOST_QMP_LINE_BYTES = 4 << 20;
/** Commands that wait for an answer, per guest. */
export const MOST_QMP_PENDING = 64;

/** A guest that was asked to power off is stopped by force after this. */
export const POWER_OFF_GRACE_MS = 10_000;
/** How long a guest may take to exit after it has closed its connection. */
export const EXIT_GRACE_MS = 3_000;
/** How long the answer to a DELETE of a server waits for its end. */
export const DELETE_WAIT_MS = 2_000;
export const KILL_TIMEOUT_MS = 10_000;

/** The console file is cut down to its tail when it grows beyond this. */
export const MOST_CONSOLE_FILE_BYTES = 4 << 20;
/** Bytes of the console's tail that a caller can read. */
export const MOST_CONSOLE_READ_BYTES = 1 << 20;
/** How often guests are looked after: paused by a disk error, console too long. */
export const HOUSEKEEPING_MS = 2_000;

/** Recovery of half-done operations is tried again after this while another service gives no answer. */
export const RECOVERY_RETRY_MS = 100;
export const MOST_RECOVERY_RETRY_MS = 15_000;

/** Longest stderr of a failed program that goes into a log line. */
export const MOST_STDERR_CHARACTERS = 2_000;
/** A Unix socket's path, its final zero included. */
export const MOST_SOCKET_PATH_BYTES = 108;

export const QEMU_IMG_TIMEOUT_MS = 60_000;
/** Kernel command line of an image that names a kernel and no `os_command_line`. */
export const DEFAULT_COMMAND_LINE = 'console=ttyS0';
export const MOST_COMMAND_LINE_CHARACTERS = 2000;
