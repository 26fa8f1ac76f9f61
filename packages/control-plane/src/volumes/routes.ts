import { DEFAULT_VOLUME_MB } from "@pandastack/contracts";
import type { Handlers } from "../calls/call.ts";
import type { VolumeRow } from "../persistence/tables.ts";
import { copyVolume, createVolume, deleteVolume, growVolume, type VolumeParts } from "./service.ts";
import { findVolume, listVolumes, volumeHolders, volumeInfo } from "./store.ts";

type Operations =
  | "createVolume"
  | "listVolumes"
  | "getVolume"
  | "growVolume"
  | "cloneVolume"
  | "snapshotVolume"
  | "deleteVolume";

export function volumeHandlers(parts: VolumeParts): Pick<Handlers, Operations> {
  const { db } = parts;
  const show = async (row: VolumeRow) => volumeInfo(row, await volumeHolders(db, row.workspace));
  /** One that has just been made is there, whether or not it can be looked up who has it: nobody, but where it is a repetition. */
  const showMade = async (row: VolumeRow) =>
    volumeInfo(row, await volumeHolders(db, row.workspace).catch(() => new Map<string, never>()));
  const copy = async (
    {
      principal,
      seed,
      params,
      body,
    }: { principal: { workspace: string }; seed: string; params: { name: string }; body: { name: string } },
    isSnapshot: boolean,
  ) =>
    showMade(
      await copyVolume(parts, { workspace: principal.workspace, seed, of: params.name, name: body.name, isSnapshot }),
    );
  return {
    createVolume: async ({ principal: { workspace }, seed, body }) => {
      const sizeMb = body.size_mb ?? DEFAULT_VOLUME_MB;
      return {
        status: 201,
        body: await showMade(await createVolume(parts, { workspace, seed, name: body.name, sizeMb })),
      };
    },
    listVolumes: async ({ principal: { workspace } }) => {
      const [rows, holders] = await Promise.all([listVolumes(db, workspace), volumeHolders(db, workspace)]);
      return { status: 200, body: rows.map((row) => volumeInfo(row, holders)) };
    },
    getVolume: async ({ principal: { workspace }, params }) => ({
      status: 200,
      body: await show(await findVolume(db, workspace, params.name)),
    }),
    growVolume: async ({ principal: { workspace }, params, body }) => ({
      status: 200,
      body: await show(await growVolume(parts, { workspace, name: params.name, sizeMb: body.size_mb })),
    }),
    cloneVolume: async (call) => ({ status: 201, body: await copy(call, false) }),
    snapshotVolume: async (call) => ({ status: 201, body: await copy(call, true) }),
    deleteVolume: async ({ principal: { workspace }, params }) => {
      await deleteVolume(parts, workspace, params.name);
      return { status: 204 };
    },
  };
}
