// Generated from crds/jwtkeyrotations.rekey.dev.yaml by tools/gen-types.ts. Do not edit: run npm run generate.

/** JwtKeyRotation rotates the JWT signing key that several workloads of one namespace share through one Secret, so that no valid token is rejected, and proves that every pod has loaded the new key. */
export interface JwtKeyRotationSpec {
  /** Name of the Secret in this namespace that holds the keys. Created if absent, adopted unchanged if present. */
  readonly secretName: string;
  /** Environment that the key belongs to, such as production. If two environments share a key, the condition KeyReuse reports it. */
  readonly environment: string;
  /** Time from one completed rotation to the start of the next, such as 90d. Exclusive with schedule. */
  readonly rotationPeriod?: string;
  /** Start times as a cron expression of five fields with the meaning of a CronJob (day of month OR day of week). Exclusive with rotationPeriod. */
  readonly schedule?: string;
  /** IANA time zone of schedule, and of each window without its own. */
  readonly timeZone: string;
  /** How long after a missed scheduled start the rotation may still start, in seconds. */
  readonly startingDeadlineSeconds: number;
  /** If true, no new rotation starts. A rotation under way continues. An emergency ignores this field. */
  readonly suspend: boolean;
  /** When a new key may become the signing key. Without windows, always. Deny overrides Allow. */
  readonly maintenanceWindows?: readonly {
    /** Whether the window allows or forbids the promotion of a key. If absent, Allow. */
    readonly kind?: 'Allow' | 'Deny';
    /** When the window opens, as a cron expression of five fields. */
    readonly schedule: string;
    /** How long the window stays open. */
    readonly duration: string;
    /** IANA time zone. If absent, that of the resource. */
    readonly timeZone?: string;
  }[];
  /** Overlap keeps both keys accepted until the last old token has expired (maxTokenTTL + clockSkew + retire.slack). Cutover replaces the key at once and rejects every outstanding token. Auto chooses Overlap if every verifier proves that it accepts two keys. */
  readonly strategy: 'Auto' | 'Overlap' | 'Cutover';
  /** Whether Auto may fall back to Cutover. */
  readonly allowCutover: boolean;
  /** If true, the write that retires the last key also stages the next one, so that a rotation needs one restart. */
  readonly preStage: boolean;
  /** The longest lifetime of any token signed with this key, including refresh tokens, such as 24h. */
  readonly maxTokenTTL: string;
  /** The largest difference between the clocks of signers and verifiers. */
  readonly clockSkew: string;
  /** How rekey retires the old key. */
  readonly retire: {
    /** Eager restarts the verifiers once the tokens of the old key have expired, and proves that every pod refuses it. Lazy skips that restart: the key leaves the Secret, and each pod forgets it at its next restart. Clock is not supported. */
    readonly mode: 'Eager' | 'Clock' | 'Lazy';
    /** Extra wait after maxTokenTTL and clockSkew before the old key leaves. If absent, a quarter of maxTokenTTL, but at least twice clockSkew plus 10s. */
    readonly slack?: string;
  };
  /** How rekey generates a key. */
  readonly key: {
    /** Number of random bytes of a key. */
    readonly bytes: number;
    /** How rekey writes the bytes as text. Services use this text as the key. */
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
    /** Data key that holds one key besides the signing key, for services that know a single previous key. rekey infers what these services hold; it cannot prove it. Off if empty. */
    readonly previous: string;
    /** Data key that holds all keys as a JWK set (RFC 7517), the signing key first. Off if empty. */
    readonly keyset: string;
    /** More data keys, for services that read the keys in a form of their own. Each entry is what one kind of service reads. */
    readonly layout?: readonly {
      /** Data keys. Text: one for each key, in the order of content; where there are fewer keys, the last one stands in the rest. The other formats: one for all keys. */
      readonly names: readonly string[];
      /** Text: one key, as it is. CommaList: keys with commas between them. JsonArray: a JSON array of strings. Jwks: a JWK set (RFC 7517). */
      readonly format: 'Text' | 'CommaList' | 'JsonArray' | 'Jwks';
      /** Fallbacks: the keys besides the signing key, the ack key last. All: the signing key first, then the fallbacks. */
      readonly content: 'Fallbacks' | 'All';
      /** The most keys that services read from the list. rekey writes no more. Without it, any number. */
      readonly max?: number;
    }[];
  };
  /** The workloads of this namespace that use the key. */
  readonly targets: readonly {
    /** Kind of the workload. Rollout is the kind of Argo Rollouts (argoproj.io/v1alpha1). rekey never restarts a CronJob or a Job: it waits until the pods that run have ended. Always set the kind: without it, client-side kubectl apply prints configured each time. */
    readonly kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Rollout' | 'CronJob' | 'Job';
    /** Name of the workload. */
    readonly name: string;
    /** Whether the workload signs tokens, verifies them, or both. If absent, both. */
    readonly roles?: readonly ('Signer' | 'Verifier')[];
    /** How containers read the Secret. Env and SubPath need a restart. File (a mounted volume that the service reads again) needs no restart, but a canary. If absent, Env. */
    readonly source?: 'Env' | 'File' | 'SubPath';
    /** How rekey asks each pod whether it accepts a token: a protected path that changes nothing. Without it, rekey infers that a rotation worked; it cannot prove it. */
    readonly canary?: {
      /** Path of the request. */
      readonly path: string;
      /** Port of the pod, by its number (1 to 65535) or by the name that a container gives it. */
      readonly port: number | string;
      /** Whether the port speaks TLS. The certificate must be valid for host, or for the address of the pod without one, by an authority that the operator trusts (of the system, and NODE_EXTRA_CA_CERTS). If absent, HTTP. */
      readonly scheme?: 'HTTP' | 'HTTPS';
      /** If true, rekey sends tokens of the real keys to whoever answers at the address of the pod, whatever its certificate. It protects from listeners, not from impostors. If absent, false. */
      readonly insecureSkipTLSVerify?: boolean;
      /** Method of the request. It must change nothing. If absent, GET. */
      readonly method?: 'GET' | 'POST';
      /** Host header, and the name in the certificate. If absent, the address of the pod. */
      readonly host?: string;
      /** More headers of the request. Everybody who may read the resource can read them, so they must not hold a secret. */
      readonly headers?: readonly {
        /** Name of the header. */
        readonly name: string;
        /** Value of the header. */
        readonly value: string;
      }[];
      /** Where the token goes. If absent, into the header Authorization, after Bearer. */
      readonly token?: {
        /** Part of the request that takes the token. In the body it replaces $(TOKEN). If absent, Header. */
        readonly in?: 'Header' | 'Cookie' | 'Body';
        /** Name of the header or the cookie. If absent, Authorization. */
        readonly name?: string;
        /** Word before the token, with a space between. Empty for none. If absent, Bearer for the header Authorization and none for others. */
        readonly prefix?: string;
      };
      /** Body of the request, as it is. With token.in Body, the token replaces each $(TOKEN). */
      readonly body?: string;
      /** Content-Type header of the body. If absent, application/json. */
      readonly contentType?: string;
      /** Claims of the tokens for this target. Each replaces the claim of the same name in spec.canary. */
      readonly claims?: Readonly<Record<string, unknown>>;
      /** HTTP statuses that mean accepted, besides 2xx. */
      readonly acceptStatuses?: readonly number[];
      /** HTTP statuses that mean refused, besides 401. rekey never follows a redirect, so 302 may mean that a login page is shown. */
      readonly refuseStatuses?: readonly number[];
      /** What the JSON body must say where the status means accepted, for services that answer 200 to everything, as with GraphQL and token introspection. If the body says neither, it is not known whether the pod accepts the token. */
      readonly response?: {
        /** Accepted if the value at the pointer is this one. */
        readonly accepted: {
          /** JSON pointer (RFC 6901) into the body. */
          readonly pointer: string;
          /** Any JSON. If absent, any value but null. */
          readonly value?: unknown;
        };
        /** Refused if the value at the pointer is this one. */
        readonly refused?: {
          /** JSON pointer (RFC 6901) into the body. */
          readonly pointer: string;
          /** Any JSON. If absent, any value but null. */
          readonly value?: unknown;
        };
      };
    };
  }[];
  /** Claims of the canary tokens. */
  readonly canary: {
    /** The iss claim. */
    readonly issuer?: string;
    /** The aud claim. For several, use claims.aud. */
    readonly audience?: string;
    /** More claims of any JSON, such as a tenant or roles. sub is rekey-canary and jti is random, unless you set them. rekey sets exp, iat and nbf. */
    readonly claims: Readonly<Record<string, unknown>>;
  };
  /** What to do when a workload that is not a target reads a key of the Secret. */
  readonly unlistedConsumers: 'Block' | 'Warn';
  /** How long a restart may take before rekey reports the rotation as stalled. */
  readonly rolloutTimeout: string;
  /** How an emergency rotation treats pods that hold a burnt key. */
  readonly emergency: {
    /** FailClosed deletes them all at once. Rolling restarts them one after another. */
    readonly mode: 'FailClosed' | 'Rolling';
  };
  /** Starts a rotation when the reason differs from the one last observed. */
  readonly forceRotation: {
    /** Any text, such as a ticket. */
    readonly reason: string;
  };
  /** Who receives messages about rotations. */
  readonly notifications?: readonly {
    /** Kind of the receiver. If absent, Webhook. */
    readonly type?: 'Webhook';
    /** Where rekey reads the address. */
    readonly urlFrom: {
      /** A data key of a Secret in this namespace. */
      readonly secretKeyRef: {
        /** Name of the Secret. */
        readonly name: string;
        /** Data key of the Secret. */
        readonly key: string;
      };
    };
    /** Shape of the message. If absent, Json. */
    readonly format?: 'Slack' | 'Json';
    /** Which outcomes rekey reports to the receiver. If absent, Failed and Emergency. */
    readonly on?: readonly ('Failed' | 'Completed' | 'Emergency')[];
  }[];
  /** How many completed rotations status.history keeps. */
  readonly successfulRotationsHistoryLimit: number;
  /** How many aborted or failed rotations status.history keeps. */
  readonly failedRotationsHistoryLimit: number;
}

/** What the controller last observed. It is a cache; rekey decides nothing by it. */
export interface JwtKeyRotationStatus {
  /** Generation of the spec that this status describes. */
  readonly observedGeneration?: number;
  /** Where the rotation is. */
  readonly phase?: 'Pending' | 'Steady' | 'Preflight' | 'Staging' | 'Staged' | 'Promoting' | 'Draining' | 'Retiring' | 'Aborting' | 'Switching' | 'Burning' | 'Degraded';
  /** Ready, Rotating, Degraded, Verified, KeyReuse. WeakKey after rekey found a weak key. OnSchedule after rekey could not keep the schedule. CompromiseContained after an emergency. */
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: 'True' | 'False' | 'Unknown';
    readonly observedGeneration?: number;
    readonly lastTransitionTime: string;
    readonly reason: string;
    readonly message: string;
  }[];
  /** The operator that reconciles this resource. */
  readonly operator?: {
    /** Namespace and name of the Lease that the operator holds, such as rekey-system/rekey. Absent without leader election. */
    readonly lease?: string;
    /** When the operator last wrote this status: at each change, and at least once an hour. */
    readonly lastLookTime?: string;
  };
  /** Key id of the signing key. Never derived from the key. */
  readonly currentKeyId?: string;
  /** Number of the keyset in the Secret. */
  readonly keysetVersion?: number;
  /** When the last rotation completed. */
  readonly lastRotationTime?: string;
  /** When the next rotation is due. */
  readonly nextRotationTime?: string;
  /** The next five times at which a rotation is due. */
  readonly nextRuns?: readonly string[];
  /** The next scheduled start. Kept while rekey cannot read the Secret. */
  readonly scheduledRun?: string;
  /** The last scheduled start that was missed. Absent once a rotation has completed. */
  readonly missedRun?: string;
  /** How long the old key of the rotation under way stays accepted after its last signer is gone: maxTokenTTL + clockSkew + slack as of the start of the rotation, or as of now if that is longer. */
  readonly drainSeconds?: number;
  /** Earliest time at which the old key may leave. */
  readonly retireNotBefore?: string;
  /** When a rotation last failed. */
  readonly lastFailureTime?: string;
  /** Rotations that failed since the last completed one. */
  readonly failedAttempts?: number;
  /** Last value of rekey.dev/rotate-requested-at that rekey acted on. */
  readonly lastHandledRotateAt?: string;
  /** Last value of rekey.dev/abort-requested-at that rekey acted on. */
  readonly lastHandledAbortAt?: string;
  /** Last value of rekey.dev/withdraw-requested-at that rekey acted on. */
  readonly lastHandledWithdrawAt?: string;
  /** Last value of rekey.dev/rotate-requested-at that somebody took back before a rotation began for it. */
  readonly lastWithdrawnRotateAt?: string;
  /** Last forceRotation.reason that somebody took back before a rotation began for it. */
  readonly withdrawnForceReason?: string;
  /** Last nonce of rekey.dev/emergency that rekey acted on. */
  readonly lastHandledEmergency?: string;
  /** The last emergency. */
  readonly emergency?: {
    /** Identifies this emergency. */
    readonly nonce: string;
    /** Why somebody requested it. */
    readonly reason: string;
    /** When rekey wrote the new key. */
    readonly writtenAt: string;
    /** When rekey had observed that every pod refuses the burnt keys, except for what is inferred. */
    readonly keyGoneAt?: string;
    /** Which part rekey concluded instead of observed. Absent if every pod has refused every burnt key. */
    readonly inferred?: string;
    /** Seconds between writtenAt and keyGoneAt. */
    readonly seconds?: number;
    /** Places that still held a burnt key when the emergency was over, such as "Secret backup, data key OLD". */
    readonly residue?: readonly string[];
    /** Where rekey did not look for residue, and why. Absent if it looked everywhere. */
    readonly residueIncomplete?: string;
  };
  /** The last delivered notifications, by message and receiver, oldest first. */
  readonly notified?: readonly string[];
  /** Last forceRotation.reason that rekey acted on. */
  readonly observedForceReason?: string;
  /** The last answer to rekey.dev/canary-check-requested-at. rekey decides nothing by it. */
  readonly canaryCheck?: {
    /** Value of the annotation. */
    readonly requestedAt: string;
    /** When rekey had the answers. */
    readonly checkedAt: string;
    /** What was not asked and why. Absent if every pod was asked about both keys. */
    readonly note?: string;
    /** The pods that were asked, in the order of the targets. */
    readonly pods: readonly {
      /** Such as Deployment/api. */
      readonly target: string;
      readonly pod: string;
      /** What rekey sent, with the token left out. Absent if it may not ask the pod. */
      readonly request?: string;
      /** What the pod answered to a token of the key in use. Absent if none was sent. */
      readonly inUse?: string;
      /** What the pod answered to the same claims signed with a made-up key. Absent if rekey may not ask the pod. */
      readonly madeUp?: string;
      /** Works: the pod tells a key in use from a made-up one. Refused: it refuses the key in use. Void: it accepts a made-up one. Unknown: an answer is missing. */
      readonly verdict: 'Works' | 'Refused' | 'Void' | 'Unknown';
      /** What that means and what to do. */
      readonly message: string;
    }[];
  };
  /** The last answer to rekey.dev/app-check-requested-at. rekey decides nothing by it. */
  readonly appCheck?: {
    /** Value of the annotation. */
    readonly requestedAt: string;
    /** When rekey had the answers. */
    readonly checkedAt: string;
    /** What was not asked and why. Absent if a pod of every target was asked. */
    readonly note?: string;
    /** Number of the keyset of which the keys were. Absent if the Secret was not adopted yet. */
    readonly keysetVersion?: number;
    /** One pod of each target, in the order of the targets. */
    readonly pods: readonly {
      /** Such as Deployment/api. */
      readonly target: string;
      readonly pod: string;
      /** What rekey sent, with the token left out. Absent if it may not ask the pod, or if there was no room. */
      readonly request?: string;
      /** Fit: all that a rotation needs is there. Unfit: a needed answer is wrong. Unknown: a needed answer is missing, or proves nothing. */
      readonly result: 'Fit' | 'Unfit' | 'Unknown';
      /** Why the pod was not asked. */
      readonly message?: string;
      /** Which tokens were answered as expected, each of several of a case, such as signing-key or expired. */
      readonly passed?: readonly string[];
      /** How many of the other answers were left out so that the status stays small. Absent if none was. */
      readonly omitted?: number;
      /** The other answers, the worst first. */
      readonly answers: readonly {
        /** Which token was sent, such as signing-key or expired. */
        readonly case: string;
        /** Which of several of the same case. */
        readonly which?: string;
        readonly answer: 'accepted' | 'refused' | 'unknown';
        /** What came back. */
        readonly said: string;
        /** Pass: as expected. Fail: a rotation needs another answer. Advice: not as expected, and no rotation is in danger. Unknown: the answer is missing, or proves nothing. */
        readonly verdict: 'Pass' | 'Fail' | 'Advice' | 'Unknown';
      }[];
    }[];
  };
  /** The rotation under way. Absent at rest. */
  readonly rotation?: {
    readonly id: string;
    readonly trigger: string;
    /** Who requested it: a person, or a field manager, which is not verified. */
    readonly actor: string;
    readonly reason: string;
    /** Key id before. */
    readonly from: string;
    /** Key id after. */
    readonly to: string;
    readonly startedAt: string;
  };
  /** Requests for which no rotation has begun. They wait for the rotation under way, or for whatever blocks a rotation. One rotation serves them all. */
  readonly queued?: readonly {
    readonly trigger: string;
    /** Who requested it: a person, or a field manager, which is not verified. */
    readonly actor: string;
    readonly reason: string;
  }[];
  /** The targets as last observed. */
  readonly targets?: readonly {
    readonly kind: string;
    readonly name: string;
    /** Keyset version for which rekey last restarted the workload, by its pod template; 0 if it never did. Lower than keysetVersion after an emergency, which deletes pods instead, and after writes that need no restart here. Whether pods hold the keys, acked tells. */
    readonly version: number;
    /** Live pods, including Terminating ones. */
    readonly pods: number;
    /** Ready pods. */
    readonly ready: number;
    /** Pods known to hold what the phase requires of them, by their answers, or by when their containers started. At rest a pod that leaves a question open, or in which nothing has started, is not among them. */
    readonly acked: number;
    /** How rekey knows that: Canary observes, Inferred concludes. */
    readonly level: 'Canary' | 'Inferred';
    /** One of the pods that are not known to hold it. Absent if there is none, at rest, and while nobody waits for pods. */
    readonly waitingFor?: {
      /** Name of the pod. */
      readonly pod: string;
      /** Why it has given no answer. Absent if that is not known. */
      readonly why?: string;
    };
  }[];
  /** The last rotations, newest first. */
  readonly history?: readonly {
    readonly id: string;
    readonly trigger: string;
    /** Who requested it: a person, or a field manager, which is not verified. */
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
    /** Which part of its end rekey concluded instead of observed. Absent if every verifier pod has answered. */
    readonly inferred?: string;
  }[];
}
