import type { Policy, PolicyTarget } from '../../../auth/guard/contract.ts';
import type { Persona, PersonaCloud, Place } from './personas.ts';

/** What came of asking for an action on what is in a place. */
export interface Outcome {
  status: number;
  /** The stored record's, as the rule of the action compares it. */
  target?: PolicyTarget;
  /** What must hold besides the rule: a project in the URL that is the token's, a service that vouches. */
  besides?: boolean;
}

/** How an action is asked for. What it destroys it makes first. */
export type Asking = (persona: Persona, place: Place) => Promise<Outcome>;

/** 401, 403 and 404 refuse; 409 does where a service has to vouch. Anything else is an answer, or a fault of the test. */
const REFUSALS = new Set([401, 403, 404, 409]);

/**
 * Asks for one action as everybody, on what is theirs and on what is others'.
 *
 * @returns a line for each answer that is not what the rule says: empty where all is well.
 */
export async function wrongAnswers(
  { personas, places }: PersonaCloud,
  policy: Policy,
  action: string,
  ask: Asking,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const [where, place] of Object.entries(places)) {
    for (const persona of personas) {
      const { status, target = {}, besides = true } = await ask(persona, place);
      const expected = besides && policy.allows(action, persona.identity, target);
      if (expected ? status >= 400 : !REFUSALS.has(status))
        wrong.push(`${persona.name}, on ${where}: ${status}, to be allowed: ${expected}`);
    }
  }
  return wrong;
}

/** Things that a test needs again and again and that some requests use up. */
export class Supply {
  private readonly made = new Map<string, Promise<string>>();

  /** The thing of that name, made if there is none. */
  get(name: string, make: () => Promise<string>): Promise<string> {
    const known = this.made.get(name) ?? make();
    this.made.set(name, known);
    return known;
  }

  drop(name: string): void {
    this.made.delete(name);
  }
}
