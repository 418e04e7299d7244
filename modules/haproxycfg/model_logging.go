// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// clf validates the argument of option tcplog.
func clf(args []string) error {
	if len(args) == 1 && args[0] == "clf" {
		return nil
	}
	return noArgs(args)
}

// setDirectory changes the start of relative file names.
func (t *translation) setDirectory(s statement) {
	if s.args[0] == "origin" {
		if len(s.args) < 2 || !filepath.IsAbs(s.args[1]) {
			t.errorf(s.Pos, "'default-path origin' expects an absolute path")
			return
		}
		t.baseDir = s.args[1]
		return
	}
	dir, err := filepath.Abs(filepath.Dir(s.File))
	if s.File == "" || err != nil {
		t.errorf(s.Pos, "'default-path %s': %v", s.args[0], errNoDirectory)
		return
	}
	if s.args[0] == "parent" {
		dir = filepath.Dir(dir)
	}
	t.baseDir = dir
}

// atLeastBranch compares a version such as 3.2 or 2.6-dev4.
func atLeastBranch(branch string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(branch, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}

// formatOptions are the keywords that give a frontend a format of lines.
var formatOptions = []string{"option tcplog", "option httplog", "option httpslog"}

// hasFormat reports whether a line gives a frontend a format.
func hasFormat(l haproxyfile.Line) bool {
	return l.Words[0] == "log-format" || l.Words[0] == "log-format-sd" ||
		len(l.Words) > 1 && slices.Contains(formatOptions, l.Words[0]+" "+l.Words[1])
}

// warnUnlogged warns of a format that is for no target, as HAProxy does.
func (t *translation) warnUnlogged(p *proxy) {
	if p.isFrontend() && !p.disabled && len(p.targets) == 0 && slices.ContainsFunc(p.lines, hasFormat) {
		t.collect(p.Pos, "log format ignored for %s since it has no log address.", p.String())
	}
}

// validateRings reports rings that targets name and that do not exist.
func (t *translation) validateRings() {
	seen := make(map[*logTarget]bool)
	for _, p := range t.proxies {
		for _, l := range p.targets {
			if l.ring != "" && l.ring != "buf0" && t.rings[l.ring] == nil && !seen[l] && !t.incomplete {
				t.errorf(l.Pos, "log directive uses unknown ring named '%s'%s", l.ring, didYouMean(l.ring, slices.Collect(maps.Keys(t.rings))))
			}
			seen[l] = true
		}
	}
}
