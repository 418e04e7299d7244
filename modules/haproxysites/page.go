// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"slices"
	"strings"
)

// page writes the status page in place of HAProxy's. If only some clients may see that one, it
// writes it as a comment.
func (s *site) page() {
	uri, found, restricted := "/haproxy?stats", false, false
	for _, l := range s.section.Lines {
		if l.Words[0] != "stats" || len(l.Words) < 2 {
			continue
		}
		found = true
		switch {
		case l.Words[1] == "uri" && len(l.Words) > 2:
			uri = l.Words[2]
		case slices.Contains([]string{"auth", "realm", "http-request"}, l.Words[1]):
			restricted = true
			s.comment(l, " (expected basic_auth or a matcher)")
		}
	}
	if !found {
		return
	}
	path, _, _ := strings.Cut(uri, "?")
	line := "passthrough_status " + quote(strings.TrimSuffix(path, "/")+"/")
	if restricted {
		line = "# " + line
	}
	s.line(line)
}
