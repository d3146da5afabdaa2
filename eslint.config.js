import tseslint from "typescript-eslint";

// No ambient time, chance or timers outside adapters/node: they are handed in (ports Clock and Random).
const ambient = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: "Time is handed in: ports.ts Clock.",
  },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "Time is handed in: ports.ts Clock." },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: "Chance is handed in: base/time.ts Random.",
  },
];
const timers = ["setTimeout", "setInterval", "setImmediate"].map((name) => ({
  name,
  message: "Timers are handed in: ports.ts Clock.",
}));

export default tseslint.config(
  { ignores: ["node_modules", "data", "dist", "types"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] },
          ],
        },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": "off",
      "@typescript-eslint/require-await": "off",
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/adapters/**", "src/main.ts", "**/*.test.ts"],
    rules: { "no-restricted-syntax": ["error", ...ambient], "no-restricted-globals": ["error", ...timers] },
  },
  // The composition root is one list of plain construction, in order; cut up it would only be harder to read.
  { files: ["src/relaykeeper.ts"], rules: { "max-lines-per-function": ["error", { max: 160 }] } },
  { files: ["**/*.test.ts", "tests/**/*.ts"], rules: { "max-lines-per-function": "off" } },
  { files: ["**/*.js", "**/*.mjs"], ...tseslint.configs.disableTypeChecked },
);
