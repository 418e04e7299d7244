// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// build builds the programs that are needed and not given.
func build(ctx context.Context, o *options, dir string) error {
	for _, build := range []struct {
		program, source string
		ready           *string
	}{
		{"ours", "./cmd/caddy", &o.ours},
		{"stock", "./integration/bench/stock", &o.stock},
	} {
		if !slices.ContainsFunc(o.proxies, func(name string) bool { return variants[name].program == build.program }) {
			continue
		}
		if *build.ready != "" {
			ready, err := filepath.Abs(*build.ready)
			if err != nil {
				return fmt.Errorf("finding %s: %w", *build.ready, err)
			}
			*build.ready = ready
			continue
		}
		say("building %s", build.source)
		*build.ready = filepath.Join(dir, build.program)
		command := exec.CommandContext(ctx, "go", "build", "-o", *build.ready, build.source) //nolint:gosec // this module's own packages
		command.Stderr = os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("building %s: %w", build.source, err)
		}
	}
	return nil
}

func (b *bench) findPrograms(ctx context.Context) error {
	o := &b.options
	b.programs = map[string]string{"ours": o.ours, "stock": o.stock}
	for program, name := range map[string]string{"haproxy": "haproxy", "newest": o.newest, "nginx": "nginx", "strace": "strace"} {
		if path, err := exec.LookPath(name); err == nil {
			b.programs[program] = path
		}
	}
	if path := b.programs["newest"]; path != "" {
		v := variants["newest"]
		v.title = shortVersion(programVersion(ctx, path))
		variants["newest"] = v
	} else if o.newest == "" {
		o.proxies = slices.DeleteFunc(o.proxies, func(name string) bool { return name == "newest" })
	}
	if nginx := b.programs["nginx"]; nginx != "" {
		module, ok := nginxModule(ctx, nginx)
		if b.nginxModule = module; !ok {
			say("nginx has no stream module (package libnginx-mod-stream)")
			delete(b.programs, "nginx")
		}
	}
	o.proxies = slices.DeleteFunc(o.proxies, func(name string) bool {
		lacking := b.programs[variants[name].program] == ""
		if lacking {
			say("%s is not installed: leaving out %s", variants[name].program, variants[name].title)
		}
		return lacking
	})
	if len(o.proxies) == 0 {
		return errors.New("no proxy is left")
	}
	return nil
}
