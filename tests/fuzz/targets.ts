import type { PlantedBug, Target } from "./target.ts";
import { commandBugs, commandTargets } from "./targets/commands.ts";
import { framingBugs, framingTargets } from "./targets/framing.ts";
import { mailBugs, mailTargets } from "./targets/mail.ts";
import { sessionBugs, sessionTargets } from "./targets/session.ts";
import { textBugs, textTargets } from "./targets/texts.ts";
import { wireBugs, wireTargets } from "./targets/wire.ts";

export const TARGETS: readonly Target[] = [
  ...framingTargets,
  ...commandTargets,
  ...wireTargets,
  ...textTargets,
  ...mailTargets,
  ...sessionTargets,
];

export const BUGS: readonly PlantedBug[] = [
  ...framingBugs,
  ...commandBugs,
  ...wireBugs,
  ...textBugs,
  ...mailBugs,
  ...sessionBugs,
];
