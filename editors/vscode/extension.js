// Starts `xenassign server` when a file for it is open; all else is in the server.
"use strict";

const { execFile } = require("child_process");
const vscode = require("vscode");

const FILES = ["**/*.dts", "**/*.dtso", "**/*.cfg", "**/xenassign.toml"].map((pattern) => ({ scheme: "file", pattern }));
const SECONDS = 30; // in which a program says that it can serve; it takes one
const [AGAIN, SETTINGS] = ["Try Again", "Open Settings"];

let client;
let refused; // the command that could not serve: said once
let steps = Promise.resolve(); // starts and stops, one after the other

const configuration = () => vscode.workspace.getConfiguration("xenassign");
const isOurs = (document) => vscode.languages.match(FILES, document) > 0;
const folder = () => vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file")?.uri.fsPath;

/** The settings that are set: the keys of the [lint] section of xenassign.toml. */
function settings() {
  const { command, ...keys } = JSON.parse(JSON.stringify(configuration()));
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value && value.length));
}

/** Why a program cannot serve, undefined if it can: without an editor the server ends at once. */
function problemOf(command) {
  return new Promise((resolve) => {
    const missing = `${command} is not found; install it with pip install 'xenassign[server]', or set xenassign.command`;
    const endless = `${command} server does not end within ${SECONDS} s without input; set xenassign.command to the program xenassign`;
    const why = (error, output) => (error.code === "ENOENT" ? missing : error.killed ? endless : output.trim() || error.message);
    const limits = { timeout: 1000 * SECONDS, killSignal: "SIGKILL" };
    const ended = (error, _, output) => resolve(error && why(error, output));
    execFile(command, ["server"], { cwd: folder(), ...limits }, ended).stdin.end();
  });
}

async function report(problem) {
  const chosen = await vscode.window.showErrorMessage(`xenassign does not start: ${problem}`, AGAIN, SETTINGS);
  if (chosen === AGAIN) {
    refused = undefined;
    next(start);
  } else if (chosen === SETTINGS) {
    vscode.commands.executeCommand("workbench.action.openSettings", "xenassign.command");
  }
}

async function start() {
  const command = configuration().get("command") || "xenassign"; // execFile takes no empty name
  if (client || command === refused || !vscode.workspace.textDocuments.some(isOurs)) return;
  const problem = await problemOf(command);
  if (problem) {
    refused = command;
    report(problem);
    return;
  }
  const { LanguageClient } = require("vscode-languageclient/node");
  client = new LanguageClient(
    "xenassign",
    { command, args: ["server"], options: { cwd: folder() } },
    { documentSelector: FILES, initializationOptions: settings },
  );
  await client.start();
}

async function stop() {
  const running = client;
  client = undefined;
  if (running?.needsStop()) await running.stop();
}

async function configured(event) {
  if (event.affectsConfiguration("xenassign.command")) {
    refused = undefined;
    await stop();
    await start();
  } else if (event.affectsConfiguration("xenassign") && client?.isRunning()) {
    await client.sendNotification("workspace/didChangeConfiguration", { settings: { xenassign: settings() } });
  }
}

/** Does a step after those before it. The client itself shows what is wrong with its server. */
function next(step) {
  steps = steps.then(step).catch(console.error);
  return steps;
}

function activate(context) {
  context.subscriptions.push(
    vscode.workspace.onDidOpenTextDocument(() => next(start)),
    vscode.workspace.onDidChangeConfiguration((event) => next(() => configured(event))),
  );
  return next(start);
}

module.exports = { activate, deactivate: () => next(stop) };
