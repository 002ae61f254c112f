// Generated from crds/jwtkeyrotations.rekey.dev.yaml by tools/gen-types.ts. Do not edit: run npm run generate.

/** JwtKeyRotation rotates the JWT signing key that several workloads of one namespace share through one Secret, so that no valid token is rejected, and proves that every pod has loaded the new key. */
export interface JwtKeyRotationSpec {
  /** Name of the Secret in this namespace that holds the keys. Created if absent, adopted unchanged if present. */
  readonly secretName: string;
  /** Environment that the key belongs to, such as production. A key that two environments share is told (KeyReuse). */
  readonly environment: string;
  /** Time from one completed rotation to the start of the next, such as 90d. Exclusive with schedule. */
  readonly rotationPeriod?: string;
  /** Start times as a cron expression of five fields with the meaning of a CronJob (day of month OR day of week). Exclusive with rotationPeriod. */
  readonly schedule?: string;
  /** IANA time zone of schedule and of windows that name none. */
  readonly timeZone: string;
  /** How long after a missed scheduled start the rotation may still be started, in seconds. */
  readonly startingDeadlineSeconds: number;
  /** Starts no new rotation while true. A rotation under way goes on; an emergency ignores it. */
  readonly suspend: boolean;
  /** When a new key may become the signing key. None means always. Deny beats Allow. */
  readonly maintenanceWindows?: readonly {
    /** Whether the window allows or forbids the promotion of a key. Allow if absent. */
    readonly kind?: 'Allow' | 'Deny';
    /** When the window opens, a cron expression of five fields. */
    readonly schedule: string;
    /** How long the window stays open. */
    readonly duration: string;
    /** IANA time zone; that of the resource if absent. */
    readonly timeZone?: string;
  }[];
  /** Overlap keeps both keys accepted until the last old token has expired (maxTokenTTL + clockSkew + retire.slack). Cutover replaces the key at once and rejects every outstanding token. Auto takes Overlap if every verifier proves that it accepts two keys. */
  readonly strategy: 'Auto' | 'Overlap' | 'Cutover';
  /** Whether Auto may fall back to Cutover. */
  readonly allowCutover: boolean;
  /** Stages the next key in the write that retires the last one, so that a rotation needs one restart. */
  readonly preStage: boolean;
  /** The longest life of any token signed with this key, refresh tokens included, such as 24h. */
  readonly maxTokenTTL: string;
  /** The largest difference between the clocks of signers and verifiers. */
  readonly clockSkew: string;
  /** How the old key leaves. */
  readonly retire: {
    /** Eager restarts the verifiers once the tokens of the old key are dead, and proves that every pod refuses it. Lazy spares that restart: the key leaves the Secret, and each pod forgets it when it next restarts. Clock is not supported. */
    readonly mode: 'Eager' | 'Clock' | 'Lazy';
    /** Wait beyond maxTokenTTL and clockSkew before the old key leaves. If absent, a quarter of maxTokenTTL, but at least twice clockSkew and 10s. */
    readonly slack?: string;
  };
  /** How a key is generated. */
  readonly key: {
    /** Random bytes of a key. */
    readonly bytes: number;
    /** How the bytes are written as text. The text is what services use as the key. */
    readonly format: 'Hex';
    /** JWS algorithm of the tokens (RFC 7518 section 3.1). */
    readonly algorithm: 'HS256' | 'HS384' | 'HS512';
  };
  /** Names of the data keys of the Secret. */
  readonly secretKeys: {
    /** Data keys that hold the signing key. */
    readonly signing: readonly string[];
    /** Data key that holds the other keys to verify with, separated by commas. */
    readonly fallbacks: string;
    /** Data key that holds one key besides the signing one, for services that know a single previous key. What these hold is inferred, not proved. Off if empty. */
    readonly previous: string;
    /** Data key that holds all keys as a JWK set (RFC 7517), the signing one first. Off if empty. */
    readonly keyset: string;
  };
  /** The workloads of this namespace that use the key. */
  readonly targets: readonly {
    /** Kind of the workload. Rollout is that of Argo Rollouts (argoproj.io/v1alpha1). Write it out, or client-side kubectl apply says configured each time. */
    readonly kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Rollout';
    /** Name of the workload. */
    readonly name: string;
    /** Whether the workload signs tokens, verifies them, or both. Both if absent. */
    readonly roles?: readonly ('Signer' | 'Verifier')[];
    /** How containers read the Secret. Env and SubPath need a restart; File (a mounted volume that the service reads again) does not, and needs a canary. Env if absent. */
    readonly source?: 'Env' | 'File' | 'SubPath';
    /** A protected read-only path of each pod that answers whether a bearer token is accepted. Without it a rotation is inferred to have worked, not proved. */
    readonly canary?: {
      /** Path of the request. */
      readonly path: string;
      /** Port of the pod. */
      readonly port: number;
      /** HTTP statuses that mean accepted, besides 2xx. */
      readonly acceptStatuses?: readonly number[];
      /** HTTP statuses that mean refused, besides 401. */
      readonly refuseStatuses?: readonly number[];
    };
  }[];
  /** Claims of the canary tokens. */
  readonly canary: {
    /** The iss claim. */
    readonly issuer?: string;
    /** The aud claim. */
    readonly audience?: string;
    /** Further claims, such as a tenant. The registered claims cannot be set. */
    readonly claims: Readonly<Record<string, string>>;
  };
  /** What to do when a workload that is not a target uses the Secret. */
  readonly unlistedConsumers: 'Block' | 'Warn';
  /** How long a restart may take before the rotation is reported as stalled. */
  readonly rolloutTimeout: string;
  /** How an emergency rotation treats pods that hold a burnt key. */
  readonly emergency: {
    /** FailClosed deletes them at once, Rolling restarts them one after another. */
    readonly mode: 'FailClosed' | 'Rolling';
  };
  /** Starts a rotation when the reason differs from the one last observed. */
  readonly forceRotation: {
    /** Any text, such as a ticket. */
    readonly reason: string;
  };
  /** Who is told of rotations. */
  readonly notifications?: readonly {
    /** Kind of the receiver. Webhook if absent. */
    readonly type?: 'Webhook';
    /** Where the address is read from. */
    readonly urlFrom: {
      /** A data key of a Secret in this namespace. */
      readonly secretKeyRef: {
        /** Name of the Secret. */
        readonly name: string;
        /** Data key of the Secret. */
        readonly key: string;
      };
    };
    /** Shape of the message. Json if absent. */
    readonly format?: 'Slack' | 'Json';
    /** Which outcomes are told. Failed and Emergency if absent. */
    readonly on?: readonly ('Failed' | 'Completed' | 'Emergency')[];
  }[];
  /** How many completed rotations status.history keeps. */
  readonly successfulRotationsHistoryLimit: number;
  /** How many aborted or failed rotations status.history keeps. */
  readonly failedRotationsHistoryLimit: number;
}

/** What the controller last observed. It is a cache of the world, never the source of a decision. */
export interface JwtKeyRotationStatus {
  /** Generation of the spec that the status speaks of. */
  readonly observedGeneration?: number;
  /** Where the rotation is. */
  readonly phase?: 'Pending' | 'Steady' | 'Preflight' | 'Staging' | 'Staged' | 'Promoting' | 'Draining' | 'Retiring' | 'Aborting' | 'Switching' | 'Burning' | 'Degraded';
  /** Ready, Rotating, Degraded, Verified, KeyReuse; OnSchedule once a schedule was not kept; CompromiseContained after an emergency. */
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: 'True' | 'False' | 'Unknown';
    readonly observedGeneration?: number;
    readonly lastTransitionTime: string;
    readonly reason: string;
    readonly message: string;
  }[];
  /** Who looks after this resource. */
  readonly operator?: {
    /** Namespace and name of the Lease that the operator holds, such as rekey-system/rekey. Absent without leader election. */
    readonly lease?: string;
    /** When it last wrote this status: at each change, and at least once an hour. */
    readonly lastLookTime?: string;
  };
  /** Key id of the signing key. Never derived from the key. */
  readonly currentKeyId?: string;
  /** Number of the keyset in the Secret. */
  readonly keysetVersion?: number;
  /** When the last rotation was completed. */
  readonly lastRotationTime?: string;
  /** When the next rotation is due. */
  readonly nextRotationTime?: string;
  /** The next five times at which a rotation is due. */
  readonly nextRuns?: readonly string[];
  /** The scheduled start that is waited for. Kept while the Secret cannot be read. */
  readonly scheduledRun?: string;
  /** The last scheduled start that was missed. Absent once a rotation is completed. */
  readonly missedRun?: string;
  /** How long the old key of the rotation under way is accepted once its last signer is gone: maxTokenTTL + clockSkew + slack when it began, or now if that is longer. */
  readonly drainSeconds?: number;
  /** When the old key may be dropped at the earliest. */
  readonly retireNotBefore?: string;
  /** When a rotation last failed. */
  readonly lastFailureTime?: string;
  /** Rotations that failed since the last one that was completed. */
  readonly failedAttempts?: number;
  /** Last value of rekey.dev/rotate-requested-at that was acted upon. */
  readonly lastHandledRotateAt?: string;
  /** Last value of rekey.dev/abort-requested-at that was acted upon. */
  readonly lastHandledAbortAt?: string;
  /** Last value of rekey.dev/withdraw-requested-at that was acted upon. */
  readonly lastHandledWithdrawAt?: string;
  /** Last value of rekey.dev/rotate-requested-at that was taken back before a rotation began for it. */
  readonly lastWithdrawnRotateAt?: string;
  /** Last forceRotation.reason that was taken back before a rotation began for it. */
  readonly withdrawnForceReason?: string;
  /** Last nonce of rekey.dev/emergency that was acted upon. */
  readonly lastHandledEmergency?: string;
  /** The last emergency. */
  readonly emergency?: {
    /** What tells it from others. */
    readonly nonce: string;
    /** Why it was asked for. */
    readonly reason: string;
    /** When the fresh key was written. */
    readonly writtenAt: string;
    /** When every pod had been seen to refuse the burnt keys, but for what is inferred. */
    readonly keyGoneAt?: string;
    /** What of that was concluded and not observed. Absent if every pod has refused every burnt key. */
    readonly inferred?: string;
    /** Time between the two. */
    readonly seconds?: number;
    /** Places where a burnt key still lay when it was over, such as "Secret backup, data key OLD". */
    readonly residue?: readonly string[];
    /** What was not looked at for residue, and why. Absent if all was. */
    readonly residueIncomplete?: string;
  };
  /** The last notifications that were delivered, by message and receiver, oldest first. */
  readonly notified?: readonly string[];
  /** Last forceRotation.reason that was acted upon. */
  readonly observedForceReason?: string;
  /** The rotation under way. Absent at rest. */
  readonly rotation?: {
    readonly id: string;
    readonly trigger: string;
    /** Who asked for it: a person, or a field manager, which is not verified. */
    readonly actor: string;
    readonly reason: string;
    /** Key id before. */
    readonly from: string;
    /** Key id after. */
    readonly to: string;
    readonly startedAt: string;
  };
  /** Requests that no rotation has begun for. They wait for the rotation under way, or for what stands in the way; one rotation serves them all. */
  readonly queued?: readonly {
    readonly trigger: string;
    /** Who asked for it: a person, or a field manager, which is not verified. */
    readonly actor: string;
    readonly reason: string;
  }[];
  /** The targets as last observed. */
  readonly targets?: readonly {
    readonly kind: string;
    readonly name: string;
    /** Keyset version of the pod template. */
    readonly version: number;
    /** Live pods, Terminating ones included. */
    readonly pods: number;
    /** Ready pods. */
    readonly ready: number;
    /** Pods that were observed to hold the keyset version. */
    readonly acked: number;
    /** How they were observed. */
    readonly level: 'Canary' | 'Inferred';
  }[];
  /** The last rotations, newest first. */
  readonly history?: readonly {
    readonly id: string;
    readonly trigger: string;
    /** Who asked for it: a person, or a field manager, which is not verified. */
    readonly actor?: string;
    readonly reason?: string;
    /** Key id before. */
    readonly from?: string;
    /** Key id after. */
    readonly to?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly outcome: 'Completed' | 'Aborted' | 'RolledBack' | 'Interrupted';
    /** Why it did not complete. */
    readonly failure?: string;
    /** What of its end was concluded and not observed. Absent if every verifier pod has answered. */
    readonly inferred?: string;
  }[];
}
