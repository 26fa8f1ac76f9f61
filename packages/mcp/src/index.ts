/**
 * PandaStack for models: the tools, and the MCP servers that offer them.
 * @packageDocumentation
 */
export { answerMcp, type McpAnswer } from "./http.ts";
export { makeSandboxServer, makeWorkspaceServer, type ServerContext } from "./server.ts";
