package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// edit replaces one piece of text that must be in its file exactly once: an upgrade that has moved it fails the build.
type edit struct {
	file, before, after string
}

var edits = []edit{
	{
		// The hook that the generated programs hang on.
		file:   "runsc/boot/filter/filter_precompiled.go",
		before: "\tprecompiledPrograms = programs\n",
		after:  "\t" + registerFunction + "(programs)\n\tprecompiledPrograms = programs\n",
	},
	{
		// Each of these readers is a blocked thread, and the Go scheduler is widened to let all of them run: on a host of
		// few cores, a restore spends more time switching between 128 than reading with four.
		file:   "pkg/sentry/state/stateio/pagesfile.go",
		before: "pagesFileFDDefaultMaxParallel = 128",
		after:  "pagesFileFDDefaultMaxParallel = 4",
	},
	{
		// A sandbox in a cgroup that runsc has not made is told of the host's memory and processors, and plans with them.
		file:   "runsc/sandbox/sandbox.go",
		before: "\tmem := totalSysMem\n",
		after:  limitsOfSpec,
	},
	{
		// A container that waits for its restore has its network by then: the restore is one call, which a small program
		// makes (../call), and no runsc is started for it.
		file:   "runsc/cmd/create.go",
		before: "\tif _, err := container.New(conf, contArgs); err != nil {\n\t\treturn util.Errorf(\"creating container: %v\", err)\n\t}\n",
		after:  networkAtCreate,
	},
	{
		file:   "runsc/sandbox/network.go",
		before: "func setupNetwork(",
		after:  prepareNetwork + "func setupNetwork(",
	},
	{
		// Pauses are counted, and a checkpoint is one of them: that of who calls is noted beside. Who was cut off in the middle of
		// a call does not know whether it was made, and may make it again.
		file:   "runsc/boot/controller.go",
		before: "\tcm.l.k.Pause()\n\treturn nil\n",
		after:  "\tpauseMu.Lock()\n\tdefer pauseMu.Unlock()\n\tif !isPausedByCall {\n\t\tcm.l.k.Pause()\n\t\tisPausedByCall = true\n\t}\n\treturn nil\n",
	},
	{
		file:   "runsc/boot/controller.go",
		before: "\tcm.l.k.Unpause()\n\treturn control.PostResume(cm.l.k, nil)\n",
		after:  "\tpauseMu.Lock()\n\tdefer pauseMu.Unlock()\n\tif !isPausedByCall {\n\t\treturn nil\n\t}\n\tcm.l.k.Unpause()\n\tisPausedByCall = false\n\treturn control.PostResume(cm.l.k, nil)\n",
	},
	{
		file:   "runsc/boot/controller.go",
		before: "// Pause pauses all tasks, blocking until they are stopped.\n",
		after:  "var (\n\tcheckpointMu   sync.Mutex\n\tpauseMu        sync.Mutex\n\tisPausedByCall bool\n)\n\n// Pause pauses all tasks, blocking until they are stopped.\n",
	},
	{
		// So that a second one, of whoever was cut off during the first, waits for that.
		file:   "runsc/boot/controller.go",
		before: "\treturn cm.l.save(o)\n",
		after:  "\tcheckpointMu.Lock()\n\tdefer checkpointMu.Unlock()\n\treturn cm.l.save(o)\n",
	},
	{
		// A table of some hundred lines that is made for the log at every restore, read or not.
		file:   "pkg/sentry/kernel/kernel.go",
		before: "\tlog.Infof(\"Kernel load stats: %s\", stats.String())\n\tlog.Infof(\"Kernel load took [%s].\", time.Since(kernelStart))\n\ttimeline",
		after:  "\t_ = stats\n\tlog.Infof(\"Kernel load took [%s].\", time.Since(kernelStart))\n\ttimeline",
	},
	{
		// Two readings of the clock for each of ten thousand objects, for that table.
		file:   "pkg/state/decode.go",
		before: "\tds.stats.start(ods.typ)\n\tdefer ds.stats.done()\n\tif sl, ok",
		after:  "\tif sl, ok",
	},
	{
		file:   "runsc/main.go",
		before: importsOfMain,
		after:  importsOfMain + "\t_ \"gvisor.dev/gvisor/runsc/pandastack/haste\"\n",
	},
	{
		file:   "runsc/boot/controller.go",
		before: restoreMethod,
		after:  restoreMethod + "\thaste.Begin()\n\tdefer haste.End()\n",
	},
	{
		file:   "runsc/boot/controller.go",
		before: "\t\"gvisor.dev/gvisor/runsc/config\"\n",
		after:  "\t\"gvisor.dev/gvisor/runsc/config\"\n\t\"gvisor.dev/gvisor/runsc/pandastack/haste\"\n",
	},
}

const (
	restoreMethod = "func (cm *containerManager) Restore(o *RestoreOpts, _ *struct{}) (retErr error) {\n"
	importsOfMain = "import (\n\t\"gvisor.dev/gvisor/runsc/cli/maincli\"\n"
)

const networkAtCreate = `	created, err := container.New(conf, contArgs)
	if err != nil {
		return util.Errorf("creating container: %v", err)
	}
	if created.Spec.Annotations["dev.pandastack.network"] == "created" {
		if err := created.Sandbox.PrepareNetwork(conf, created.Spec); err != nil {
			created.Destroy()
			return util.Errorf("creating container: %v", err)
		}
	}
`

const prepareNetwork = `// PrepareNetwork hands over what a restore sets the network up with, before there is one.
func (s *Sandbox) PrepareNetwork(conf *config.Config, spec *specs.Spec) error {
	disableIPv6, err := getDisableIPv6(spec)
	if err != nil {
		return err
	}
	conn, err := s.sandboxConnect()
	if err != nil {
		return err
	}
	defer conn.Close()
	return setupNetwork(conn, s.Pid.Load(), conf, disableIPv6, true)
}

`

const limitsOfSpec = `	mem := totalSysMem
	if s.CgroupJSON.Cgroup == nil && args.Spec.Linux != nil && args.Spec.Linux.Resources != nil {
		limits := args.Spec.Linux.Resources
		if limits.Memory != nil && limits.Memory.Limit != nil && *limits.Memory.Limit > 0 {
			mem = min(mem, uint64(*limits.Memory.Limit))
		}
		if cpu := limits.CPU; cpu != nil && cpu.Quota != nil && cpu.Period != nil && *cpu.Quota > 0 && *cpu.Period > 0 {
			processors := math.Ceil(float64(*cpu.Quota) / float64(*cpu.Period))
			cmd.Args = append(cmd.Args, "--cpu-num", strconv.Itoa(int(processors)))
		}
	}
`

func (e edit) apply(root string) error {
	path := filepath.Join(root, e.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if found := strings.Count(string(text), e.before); found != 1 {
		return fmt.Errorf("%s holds %d times, not once: %q", e.file, found, e.before)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), e.before, e.after, 1)), 0o644)
}
