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
}

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
