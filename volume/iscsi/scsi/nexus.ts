import { MAX_UNIT_ATTENTIONS } from '../limits.ts';
import type { Sense } from './sense.ts';

/** One initiator port talking to one logical unit: here, a session. Holds what the unit has to tell it. */
export class Nexus {
  /** Initiator name and ISID: the port that reservations belong to. Spec: RFC 7143, 4.4.1 */
  readonly initiatorPort: string;
  /** Ends the commands of the nexus without an answer; resolves when none of them touches the medium any more. */
  readonly abortCommands: () => Promise<void>;
  readonly #attentions: Sense[] = [];

  constructor(initiatorPort: string, abortCommands: () => Promise<void>) {
    this.initiatorPort = initiatorPort;
    this.abortCommands = abortCommands;
  }

  /** Notes a unit attention; one of each kind is enough. Spec: SAM-5, 5.14 */
  attend(sense: Sense): void {
    if (this.#attentions.some(({ asc, ascq }) => asc === sense.asc && ascq === sense.ascq)) return;
    if (this.#attentions.length >= MAX_UNIT_ATTENTIONS) this.#attentions.shift();
    this.#attentions.push(sense);
  }

  /** The oldest unit attention, which is hereby reported. */
  takeAttention(): Sense | undefined {
    return this.#attentions.shift();
  }
}
