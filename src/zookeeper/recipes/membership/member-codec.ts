/** What a replica tells of itself. */
export interface Member {
  readonly address: string;
  readonly version: string;
  readonly scope: 'version' | 'service';
  readonly candidate: boolean;
  /**
   * For how long an acknowledged write lets it believe that it is master. Members of older versions of
   * this library do not tell.
   */
  readonly leaseMs: number;
  /** The names of its jobs; undefined when they are too many to be told. */
  readonly jobs?: readonly string[] | undefined;
}

/**
 * What a member's node says; each part undefined where it does not, because an older version of this library wrote
 * it, or somebody by hand.
 */
export interface ToldMember {
  readonly address: string | undefined;
  readonly version: string | undefined;
  /** Members of versions before there were observers do not tell: they campaign. */
  readonly candidate: boolean;
  /** Milliseconds, 0 or more. */
  readonly leaseMs: number | undefined;
  readonly jobs: readonly string[] | undefined;
  /** The member's wall clock as it wrote. */
  readonly wallMs: number | undefined;
}

/** ZooKeeper takes 1 MiB for a node; this leaves others room. */
const MAX_MEMBER_BYTES = 256 * 1_024;

/**
 * JSON. `wallMs`: the member's wall clock as it writes. Without the jobs where these would make it longer than 256 KiB.
 */
export function encodeMember(member: Member, wallMs: number): Buffer {
  const data = Buffer.from(JSON.stringify({ ...member, wallMs }));
  return data.length <= MAX_MEMBER_BYTES ? data : Buffer.from(JSON.stringify({ ...member, wallMs, jobs: undefined }));
}

/** Never throws: a node that was written over by hand, or is just being made, is a member that says nothing. */
export function decodeMember(data: Buffer): ToldMember {
  const { address, version, candidate, leaseMs, jobs, wallMs } = parsedObject(data);
  return {
    address: typeof address === 'string' ? address : undefined,
    version: typeof version === 'string' ? version : undefined,
    candidate: candidate !== false,
    leaseMs: typeof leaseMs === 'number' && leaseMs >= 0 ? leaseMs : undefined,
    jobs: Array.isArray(jobs) ? jobs.filter((job) => typeof job === 'string') : undefined,
    wallMs: typeof wallMs === 'number' ? wallMs : undefined,
  };
}

function parsedObject(data: Buffer): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(data.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
