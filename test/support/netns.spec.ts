import { expect, it } from 'vitest';
import { startAdmin } from './admin.js';
import { eventually } from './eventually.js';
import { startNetworkedEnsemble } from './netns.js';

it('cuts a member off from its peers but not from the test, and heals it', async () => {
  await using ensemble = await startNetworkedEnsemble(3, { tickTimeMs: 200, cfg: { initLimit: 10, syncLimit: 5 } });
  const leader = await ensemble.ensemble.leader();
  const isolated = ensemble.members.find((member) => member !== leader);
  if (isolated === undefined) throw new Error('no follower');
  ensemble.isolate(isolated.id);
  await eventually(async () => expect(await isolated.mode()).toBeUndefined(), { what: 'the isolated member to stop serving' });
  expect(await isolated.fourLetter('ruok')).toBe('imok');
  await using admin = await startAdmin(leader.connectString);
  await admin.create('/written-meanwhile', 'x');
  ensemble.heal(isolated.id);
  await eventually(async () => expect(await isolated.mode()).toBe('follower'), { what: 'the healed member to serve' });
});
