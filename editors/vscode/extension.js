// Starts `xenassign server`; all else is in the server.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

/** The settings that are set: the keys of the [lint] section of xenassign.toml. */
function settings() {
  const { command, ...keys } = JSON.parse(JSON.stringify(vscode.workspace.getConfiguration("xenassign")));
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value && value.length));
}

async function activate(context) {
  const command = vscode.workspace.getConfiguration("xenassign").get("command");
  const files = (pattern) => ({ scheme: "file", pattern });
  client = new LanguageClient(
    "xenassign",
    { command, args: ["server"] },
    {
      documentSelector: ["**/*.dts", "**/*.dtso", "**/*.cfg", "**/xenassign.toml"].map(files),
      initializationOptions: settings(),
    },
  );
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("xenassign")) {
        client.sendNotification("workspace/didChangeConfiguration", { settings: { xenassign: settings() } });
      }
    }),
  );
  await client.start();
}

function deactivate() {
  return client && client.stop();
}

module.exports = { activate, deactivate };
