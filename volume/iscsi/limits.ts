/** Every bound of the iSCSI target: what a stranger, a broken initiator or a slow one can make it hold. */

/** Connections at once, logged in or not; one more is closed on arrival. */
export const MAX_CONNECTIONS = 512;
/** Connections that have not logged in yet; one more is closed on arrival. */
export const MAX_CONNECTIONS_IN_LOGIN = 128;
/** From the TCP handshake to the end of login. */
export const LOGIN_TIMEOUT_MS = 15_000;
/** Login request PDUs in one login. */
export const MAX_LOGIN_PDUS = 64;
/** Text of one login or text negotiation, all its PDUs together. */
export const MAX_TEXT_BYTES = 64 * 1024;
/** Text keys in one negotiation. */
export const MAX_TEXT_KEYS = 256;
/** Data segment of a PDU before login is done. Spec: RFC 7143, 13.12 (default of MaxRecvDataSegmentLength). */
export const MAX_LOGIN_SEGMENT_BYTES = 8192;

/** Our MaxRecvDataSegmentLength once logged in. */
export const MAX_RECV_SEGMENT_BYTES = 256 * 1024;
/** Largest data segment we send, whatever the initiator would take. */
export const MAX_SEND_SEGMENT_BYTES = 256 * 1024;
/** Our MaxBurstLength: one R2T asks for no more. */
export const MAX_BURST_BYTES = 1024 * 1024;
/** Our FirstBurstLength: what a command may send without being asked. */
export const FIRST_BURST_BYTES = 256 * 1024;

/** Commands of one session at once: the CmdSN window. */
export const COMMAND_WINDOW = 128;
/** Immediate commands of one session at once, beyond the window. */
export const MAX_IMMEDIATE_COMMANDS = 16;
/** Sessions of one target at once. */
export const MAX_SESSIONS_PER_TARGET = 16;
/** Data-out bytes that all sessions together have been asked for and that are not yet on the backing. */
export const MAX_SOLICITED_BYTES = 64 * 1024 * 1024;
/** Bytes of responses a connection holds for an initiator that does not read; reading from it pauses above. */
export const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/** Silence after which the target asks with a NOP-In. */
export const KEEPALIVE_IDLE_MS = 20_000;
/** Silence after which the connection is dropped. */
export const KEEPALIVE_DEAD_MS = 60_000;
/** How long an R2T may wait for data. */
export const DATA_OUT_TIMEOUT_MS = 30_000;
/** How often time-outs are looked at. */
export const TICK_MS = 5_000;
/** How long an ended session may take to send what it still has to say. */
export const LINGER_MS = 2_000;

/** Transfer of one READ, WRITE, VERIFY or COMPARE command. Spec: SBC-3, Block Limits VPD page, maximum transfer length. */
export const MAX_TRANSFER_BYTES = 8 * 1024 * 1024;
/** Blocks of one COMPARE AND WRITE. */
export const MAX_COMPARE_AND_WRITE_BLOCKS = 255;
/** Range of one WRITE SAME: short of 32 MiB, so that it ends before an initiator loses patience. */
export const MAX_WRITE_SAME_BLOCKS = 64 * 1024 - 8;
/** Range of one UNMAP, all descriptors together. */
export const MAX_UNMAP_BLOCKS = 1024 * 1024;
/** Descriptors of one UNMAP. */
export const MAX_UNMAP_DESCRIPTORS = 256;
/** Parameter list of a command that is not data: PERSISTENT RESERVE OUT, MODE SELECT, UNMAP. */
export const MAX_PARAMETER_LIST_BYTES = 8 + 16 * MAX_UNMAP_DESCRIPTORS;
/** Bytes read from a backing at once; a READ streams pieces of this size. */
export const READ_PIECE_BYTES = 256 * 1024;
/** System calls of one backing at once: more would occupy the threads that everybody's file I/O shares. */
export const BACKING_CALLS_IN_FLIGHT = 8;
/** Registered keys of one logical unit. */
export const MAX_REGISTRATIONS = 128;
/** Unit attentions that wait for one nexus; the oldest is forgotten. */
export const MAX_UNIT_ATTENTIONS = 8;
/** Shortest range worth starting a program to punch; shorter ones are overwritten with zeros. */
export const MIN_PUNCH_BYTES = 64 * 1024;
/** How long the program that punches holes may take. */
export const PUNCH_TIMEOUT_MS = 60_000;
