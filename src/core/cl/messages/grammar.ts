/** Messages about commands as such: SMR00nn. */
export const GRAMMAR = {
  SMR0006: {
    severity: 40,
    text: "Errors occurred in command &1. Nothing was done.",
    cause:
      "The messages before this one say what is wrong with command &1. A command is done as a whole or not at all.",
    recovery: "Correct the command and enter it again; &1 ? shows its parameters.",
  },
  SMR0010: {
    severity: 30,
    text: "Command &1 not found. &2",
    cause: "There is no command &1 here.",
    recovery: "Check the spelling. The command reference names every command.",
  },
  SMR0011: {
    severity: 30,
    text: "Keyword &1 is not valid for command &2. &3",
    cause: "Command &2 has no parameter &1.",
    recovery: "Enter &2 ? to see the parameters of the command.",
  },
  SMR0012: {
    severity: 30,
    text: "Keyword &1 is given twice.",
    cause: "A parameter takes all its values in one pair of parentheses, or it was given by position and by keyword.",
    recovery: "Leave one of them.",
  },
  SMR0013: {
    severity: 30,
    text: "Parameter &1 (&2) is required.",
    cause: "The command cannot be done without parameter &1.",
    recovery: "Add &1(…).",
  },
  SMR0014: {
    severity: 30,
    text: "Value &1 is not valid for parameter &2. &3",
    cause: "Parameter &2 takes other values.",
    recovery: "Enter the command with ? to see its parameters with their choices.",
  },
  SMR0015: {
    severity: 30,
    text: "Parameter &1 takes at most &2 value(s). &3",
    cause: "More values were given than parameter &1 takes.",
    recovery: "Text with blanks needs apostrophes around it: TEXT('two words').",
  },
  SMR0016: {
    severity: 30,
    text: "Parameter &1 does not go with &2(&3). &4",
    cause: "Which parameters a command takes depends on &2.",
    recovery: "Leave &1 out, or choose another value for &2.",
  },
  SMR0017: {
    severity: 30,
    text: "&1 is required with &2(&3).",
    cause: "&2(&3) cannot be done without it.",
    recovery: "Add &1.",
  },
  SMR0018: {
    severity: 30,
    text: "Value &1 stands without a keyword. Command &2 takes &3 parameter(s) by position.",
    cause: "Only some parameters may be given without their keyword, in the order of the definition.",
    recovery: "Give the keyword: KEYWORD(value). The parenthesis follows the keyword directly, without a blank.",
  },
  SMR0019: {
    severity: 30,
    text: "Value &1 stands without a keyword after a parameter with one.",
    cause: "Parameters by position come before those with a keyword.",
    recovery: "Give the keyword: KEYWORD(value). The parenthesis follows the keyword directly, without a blank.",
  },
  SMR0020: {
    severity: 30,
    text: "The value of parameter &1 is longer than &2 characters.",
    cause: "Parameter &1 takes at most &2 characters.",
    recovery: "Shorten it.",
  },
  SMR0021: {
    severity: 30,
    text: "Value &1 is not valid for parameter &2: a number from &3 to &4 is.",
    cause: "Parameter &2 takes a whole number from &3 to &4.",
  },
  SMR0022: {
    severity: 30,
    text: "The apostrophe that ends a quoted value is missing.",
    cause: "A quoted value begins and ends with an apostrophe. An apostrophe within it is doubled.",
    recovery: "Add the apostrophe. A value that goes on in the next line needs + or - at the end of this one.",
  },
  SMR0023: {
    severity: 30,
    text: "The right parenthesis of &1 is missing.",
    cause: "Each left parenthesis needs a right one.",
    recovery: "Add it. A command that goes on in the next line needs + or - at the end of this one.",
  },
  SMR0024: {
    severity: 30,
    text: "A right parenthesis has no left one.",
    cause: "Each right parenthesis needs a left one before it.",
  },
  SMR0025: {
    severity: 30,
    text: "&1 is not valid here. &2",
    cause: "The command cannot be read from here on.",
  },
  SMR0026: {
    severity: 30,
    text: "The command is longer than &1 characters.",
    cause: "A command with its continuations has at most &1 characters.",
    recovery: "Send more than one command, or apply a policy file.",
  },
  SMR0027: {
    severity: 30,
    text: "Parentheses are nested deeper than &1 levels.",
    cause: "A list may hold lists, up to &1 levels.",
  },
  SMR0028: {
    severity: 30,
    text: "The comment is not ended.",
    cause: "A comment begins with /* and ends with */.",
  },
  SMR0029: {
    severity: 30,
    text: "X'&1' is no hexadecimal value.",
    cause: "A hexadecimal value has an even number of digits 0 to 9 and A to F, and they are UTF-8.",
  },
  SMR0031: {
    severity: 30,
    text: "No command was given.",
    cause: "A command begins with its name.",
  },
  SMR0033: {
    severity: 10,
    text: "Keyword &1 of IBM i has no effect here. &2",
    cause: "The command knows the keyword so that commands written for IBM i run, but nothing here answers to it.",
  },
  SMR0034: {
    severity: 30,
    text: "&1 of IBM i is not available here. &2",
    cause: "The command would promise what relaykeeper does not do.",
  },
  SMR0035: {
    severity: 30,
    text: "&1 is a single value: parameter &2 takes nothing beside it.",
    cause: "A single value stands alone in its parameter.",
  },
  SMR0036: {
    severity: 30,
    text: "The command goes on in a line that is not there.",
    cause: "The last line ends with + or -, which announces another one.",
    recovery: "Leave the sign out, or add the rest of the command.",
  },
  SMR0037: {
    severity: 0,
    text: "&1 command(s) done.",
    cause: "Every command of the script was done.",
  },
  SMR0038: {
    severity: 40,
    text: "The script stopped at line &1. &2",
    cause: "A script stops at its first command that fails. What was done before it stays done.",
    recovery: "Correct the command and run the script again from that line.",
  },
  SMR0039: {
    severity: 0,
    text: "Prompt of command &1.",
    cause: "The command was entered with ?, which asks for its parameters. Nothing was done.",
  },
} as const;
