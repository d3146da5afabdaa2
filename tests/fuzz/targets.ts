import type { PlantedBug, Target } from "./target.ts";
import { commandBugs, commandTargets } from "./targets/commands.ts";
import { controlBugs, controlTargets } from "./targets/control.ts";
import { dnsBugs, dnsTargets } from "./targets/dns.ts";
import { editHeaderBugs, editHeaderTargets } from "./targets/edit-header.ts";
import { framingBugs, framingTargets } from "./targets/framing.ts";
import { mailBugs, mailTargets } from "./targets/mail.ts";
import { sessionBugs, sessionTargets } from "./targets/session.ts";
import { textBugs, textTargets } from "./targets/texts.ts";
import { wireBugs, wireTargets } from "./targets/wire.ts";

export const TARGETS: readonly Target[] = [
  ...framingTargets,
  ...commandTargets,
  ...wireTargets,
  ...dnsTargets,
  ...textTargets,
  ...mailTargets,
  ...editHeaderTargets,
  ...controlTargets,
  ...sessionTargets,
];

export const BUGS: readonly PlantedBug[] = [
  ...framingBugs,
  ...commandBugs,
  ...wireBugs,
  ...dnsBugs,
  ...textBugs,
  ...mailBugs,
  ...editHeaderBugs,
  ...controlBugs,
  ...sessionBugs,
];
