import { Command, CommanderError } from 'commander';
import { InvariantError, StartError, systemErrorCode } from '../common/errors.ts';
import { EX_SOFTWARE, EX_USAGE } from '../common/exit-codes.ts';
import { registerAuthCommands } from './commands/auth.ts';
import { registerEncryptionCommands } from './commands/encryption.ts';
import { registerFsckCommand } from './commands/fsck.ts';
import { registerJoinCommand } from './commands/join.ts';
import { registerPolicyCommands } from './commands/policy.ts';
import { registerRingCommands } from './commands/ring.ts';
import { registerStartCommand } from './commands/start.ts';

const program = new Command('martlet')
  .description('OpenStack\u2019s storage layer in one process: Swift, Cinder and Glance, on a bundled Keystone.')
  .exitOverride();
registerStartCommand(program);
registerJoinCommand(program);
registerRingCommands(program);
registerAuthCommands(program);
registerPolicyCommands(program);
registerFsckCommand(program);
registerEncryptionCommands(program);

// `martlet ring FILE | head`: who reads no more has seen enough.
process.stdout.on('error', (error) => {
  if (systemErrorCode(error) !== 'EPIPE') throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EX_USAGE;
  else if (error instanceof StartError) fail(error.message, error.exitCode);
  else if (error instanceof InvariantError) fail(error.stack ?? error.message, EX_SOFTWARE);
  else fail(error instanceof Error ? (error.stack ?? error.message) : String(error), EX_SOFTWARE);
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`martlet: ${message}\n`);
  process.exit(exitCode);
}
