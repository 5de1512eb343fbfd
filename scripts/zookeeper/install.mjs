import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { withLock } from '../support/lock.mjs';

/**
 * A ZooKeeper that can be started: by a local Java and a class path, or from an image by docker.
 *
 * @typedef {{ kind: 'java', java: string, classPath: string[], where: string }
 *   | { kind: 'docker', image: string, where: string }} Installation
 */

/**
 * @typedef {object} ProvisionOptions
 * @property {boolean} [yes] never ask before installing packages
 * @property {boolean} [preferPackages] install Debian's packages rather than use docker (the tests pause and
 * cut off single processes)
 * @property {readonly string[]} [alongside] packages to install in the same go, if any have to be
 * @property {(line: string) => void} [report]
 */

/** The official image, when docker is all there is. */
const IMAGE = 'zookeeper:3.9';
const DEBIAN_JARS = '/usr/share/java';

/**
 * What Debian's zookeeper.jar does not name in its manifest but needs: a logger, and Netty's codecs
 * once a TLS port is opened.
 */
const DEBIAN_EXTRA_JARS = ['slf4j-simple', 'netty-codec', 'netty-resolver', 'netty-transport-native-unix-common'];

/** Curator's jars and what they need besides ZooKeeper's, as Debian's `libcurator-recipes-java` has them. */
export const CURATOR_JARS = ['curator-recipes', 'curator-framework', 'curator-client', 'guava'].map((name) =>
  join(DEBIAN_JARS, `${name}.jar`),
);

/** What Debian's `zookeeper` package is made of, without the desktop half of Java that it asks for. */
const DEBIAN_PACKAGES = ['libzookeeper-java', 'default-jre-headless'];

/**
 * Finds a ZooKeeper on this machine, or installs one: a local install (`ZOOKEEPER_HOME`, else Debian's jars), else
 * docker if its engine answers, else Debian's package. Two commands at once wait for each other.
 *
 * @param {ProvisionOptions} [options]
 * @returns {Promise<Installation>}
 */
export async function provisionZooKeeper(options = {}) {
  const local = findLocal();
  if (local !== undefined) return local;
  const mayInstall = hasProgram('apt-get');
  if (!(options.preferPackages && mayInstall)) {
    const docker = await findDocker(options);
    if (docker !== undefined) return docker;
  }
  if (!mayInstall) {
    throw new Error(
      'No ZooKeeper here, and no way to get one. Start one and set ZOOKEEPER_CONNECT (npm run demo), or unpack a release of ' +
        'Apache ZooKeeper, set ZOOKEEPER_HOME to it and install Java, or start docker.',
    );
  }
  await installPackages([...DEBIAN_PACKAGES, ...(options.alongside ?? [])], () => findLocal() !== undefined, options);
  const installed = findLocal();
  if (installed === undefined) throw new Error(`Debian's packages are installed, but ${DEBIAN_JARS}/zookeeper.jar or java is missing.`);
  return installed;
}

/**
 * Whether `provisionZooKeeper` would find one here, or install one without asking anybody anything: as root, or by sudo
 * where that was allowed beforehand (`yes`, or `CI=true`).
 *
 * @param {ProvisionOptions} [options]
 * @returns {boolean}
 */
export function canProvisionUnasked(options = {}) {
  if (findLocal() !== undefined || dockerAnswers()) return true;
  if (!hasProgram('apt-get')) return false;
  return process.getuid?.() === 0 || ((options.yes === true || process.env.CI === 'true') && hasProgram('sudo'));
}

/**
 * Installs Debian packages that are not there yet: as root directly, else by sudo. On a terminal `sudo` is asked about
 * first, unless `yes` or `CI=true`.
 *
 * @param {readonly string[]} packages
 * @param {() => boolean} isThere
 * @param {ProvisionOptions} [options]
 * @returns {Promise<void>}
 */
export async function installPackages(packages, isThere, options = {}) {
  const report = options.report ?? console.error;
  if (isThere()) return;
  const isRoot = process.getuid?.() === 0;
  const by = isRoot ? [] : ['sudo', ...(process.stdin.isTTY ? [] : ['-n'])];
  const install = [...by, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'DPkg::Lock::Timeout=600', '-qq'];
  const shown = `${isRoot ? '' : 'sudo '}apt-get install ${packages.join(' ')}`;
  if (!hasProgram('apt-get')) throw new Error(`Missing: ${packages.join(', ')} (Debian's names), and there is no apt-get. Install them.`);
  if (!isRoot && !hasProgram('sudo'))
    throw new Error(`Missing: ${packages.join(', ')}. Run as root: apt-get install ${packages.join(' ')}`);
  await withLock(
    'apt-get',
    () => report('Waiting for another command that installs packages …'),
    async () => {
      if (isThere()) return;
      if (!isRoot && process.stdin.isTTY === true && !options.yes && process.env.CI !== 'true') await confirm(shown);
      report(`Installing: ${shown}`);
      const args = ['install', '--yes', '--no-install-recommends', ...packages];
      // A fresh machine or image has no package lists yet; an old one has lists of versions that are gone.
      if ((await run([...install, ...args], process.stderr.isTTY)) === 0) return;
      await run([...install, 'update'], true);
      if ((await run([...install, ...args], true)) !== 0) throw new Error(`Failed: ${shown}`);
    },
  );
}

/** @returns {Installation | undefined} */
function findLocal() {
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java';
  const home = process.env.ZOOKEEPER_HOME;
  if (home) {
    if (!existsSync(join(home, 'lib')) || !readdirSync(join(home, 'lib')).some((name) => /^zookeeper-\d.*\.jar$/.test(name))) {
      throw new Error(`ZOOKEEPER_HOME=${home} does not look like an unpacked release of Apache ZooKeeper: no lib/zookeeper-….jar in it.`);
    }
    if (!runs(java)) throw new Error(`ZOOKEEPER_HOME is set, but ${java} does not run. Install Java 11 or later.`);
    return { kind: 'java', java, classPath: [join(home, 'conf'), join(home, 'lib', '*')], where: home };
  }
  const jar = join(DEBIAN_JARS, 'zookeeper.jar');
  if (!existsSync(jar) || !runs(java)) return undefined;
  const extra = DEBIAN_EXTRA_JARS.map((name) => join(DEBIAN_JARS, `${name}.jar`)).filter((path) => existsSync(path));
  return { kind: 'java', java, classPath: [jar, ...extra], where: jar };
}

function dockerAnswers() {
  const asked = ['version', '--format', '{{.Server.Version}}'];
  return hasProgram('docker') && spawnSync('docker', asked, { stdio: 'ignore', timeout: 10_000 }).status === 0;
}

/** @param {ProvisionOptions} options @returns {Promise<Installation | undefined>} */
async function findDocker(options) {
  if (!dockerAnswers()) return undefined;
  if (spawnSync('docker', ['image', 'inspect', IMAGE], { stdio: 'ignore', timeout: 10_000 }).status !== 0) {
    (options.report ?? console.error)(`Fetching ${IMAGE} with docker …`);
    if ((await run(['docker', 'pull', '--quiet', IMAGE], false)) !== 0) return undefined;
  }
  return { kind: 'docker', image: IMAGE, where: `docker image ${IMAGE}` };
}

/** @param {string} java */
const runs = (java) => spawnSync(java, ['-version'], { stdio: 'ignore' }).status === 0;

/**
 * Whether `command` is in the path, or where root's programs are.
 *
 * @param {string} command
 * @returns {boolean}
 */
export function hasProgram(command) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, command)));
}

/** @param {string} what */
async function confirm(what) {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Something that is needed here is missing. Run "${what}"? [Y/n] `).finally(() => terminal.close());
  if (!/^(y|yes|)$/i.test(answer.trim())) throw new Error(`Not installed. To do it yourself: ${what}`);
}

/**
 * Runs a command to its end; its output goes to stderr, all of it or only what it says about failures.
 *
 * @param {string[]} command
 * @param {boolean} loud
 * @returns {Promise<number | null>}
 */
function run(command, loud) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0] ?? '', command.slice(1), {
      stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', loud ? 2 : 'ignore', loud ? 2 : 'ignore'],
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
}
