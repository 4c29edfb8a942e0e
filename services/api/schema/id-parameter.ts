/** The id in a path. Whatever is no job's id is no job: 404, not a complaint about its form. */
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";

export const IdParameter = Type.Object({ id: Type.String({ maxLength: 200, description: "The job's id, a UUIDv7." }) });

export const noSuchJob = (id: string) => new Failure("job_not_found", `There is no job ${JSON.stringify(id.slice(0, 100))}.`);
