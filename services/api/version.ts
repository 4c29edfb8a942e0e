/** The version that this code bears, from package.json. */
import packageFile from "../../package.json" with { type: "json" };

export const { version } = packageFile;
