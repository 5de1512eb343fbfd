/**
 * What the routes of `ClusterJobsAdminModule` take and answer, as classes, so that a tool for OpenAPI finds them.
 * `_OPENAPI_METADATA_FACTORY` is what the plugin of @nestjs/swagger would add when it compiles a class; it is called by
 * that package alone, where an application has it.
 */
type OpenApi = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The body of `POST :job/trigger`. All of it may be left out. */
export class TriggerOrder {
  /** JSON, at most 64 KiB. */
  input?: unknown;
  idempotencyKey?: string;
  wait?: 'accepted' | 'done';

  static _OPENAPI_METADATA_FACTORY(): OpenApi {
    return {
      input: { required: false, type: () => Object, description: 'What the run gets as its input: JSON, at most 64 KiB.' },
      idempotencyKey: {
        required: false,
        type: () => String,
        description: 'Asked for again with the same key it is not run a second time.',
      },
      wait: { required: false, enum: ['accepted', 'done'], description: 'Until the run was started, or has ended. Default: accepted.' },
    };
  }
}

/** The body of `POST :job/reschedule`. */
export class RescheduleOrder {
  /** A cron expression, or an instant in ISO 8601. Null: the schedule of the code again. */
  cronTime!: string | null;
  timeZone?: string;

  static _OPENAPI_METADATA_FACTORY(): OpenApi {
    return {
      cronTime: {
        required: true,
        nullable: true,
        type: () => String,
        description: 'A cron expression, or an instant. Null: as in the code.',
      },
      timeZone: { required: false, type: () => String },
    };
  }
}

/** What became of a command. */
export class OrderAnswer {
  /** False: it was so already, and nothing was changed. */
  changed!: boolean;

  static _OPENAPI_METADATA_FACTORY(): OpenApi {
    return { changed: { required: true, type: () => Boolean } };
  }
}

/** What `GET :job/why` answers. */
export class WhyAnswer {
  /** In words, for a person. */
  why!: string;

  static _OPENAPI_METADATA_FACTORY(): OpenApi {
    return { why: { required: true, type: () => String } };
  }
}
