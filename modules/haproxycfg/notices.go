// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// noticeItems is how many words and how many further lines a warning lists.
const noticeItems = 10

// notice is a warning about all that has the same reason: a file of ten
// thousand servers with "check" gets one and not ten thousand.
type notice struct {
	format string // for the words
	words  []string
	lines  []haproxyfile.Pos
}

// formats say what becomes of words.
var formats = map[grade]string{
	pending:  "not available yet: %s: ",
	harmless: "ignored, and nothing about the traffic changes: %s: ",
	httpOnly: "ignored, as HAProxy does in mode tcp: %s",
	differs:  "not as in HAProxy: %s: ",
}

// notice takes a word into the warning of its reason.
func (t *translation) notice(pos haproxyfile.Pos, g grade, note, word string) {
	t.collect(pos, formats[g]+strings.ReplaceAll(note, "%", "%%"), "'"+word+"'")
}

// collect takes something into the warning of a format.
func (t *translation) collect(pos haproxyfile.Pos, format, what string) {
	n := t.byFormat[format]
	if n == nil {
		n = &notice{format: format}
		t.byFormat[format] = n
		t.notices = append(t.notices, n)
	}
	if len(n.words) <= noticeItems && !slices.Contains(n.words, what) {
		n.words = append(n.words, what)
	}
	if len(n.lines) == 0 || n.lines[len(n.lines)-1] != pos {
		n.lines = append(n.lines, pos)
	}
}

// warnNotices turns the notices into warnings.
func (t *translation) warnNotices() {
	for _, n := range t.notices {
		words := n.words
		if len(words) > noticeItems {
			words = append(words[:noticeItems:noticeItems], "...")
		}
		t.warnf(n.lines[0], "%s%s", fmt.Sprintf(n.format, strings.Join(words, ", ")), n.also())
	}
}

// also lists the other lines of a notice.
func (n *notice) also() string {
	others := n.lines[1:]
	if len(others) == 0 {
		return ""
	}
	var list []string
	for _, pos := range others[:min(len(others), noticeItems)] {
		line := strconv.Itoa(pos.Line)
		if pos.File != n.lines[0].File {
			line = pos.String()
		}
		list = append(list, line)
	}
	if more := len(others) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	if len(others) == 1 {
		return " (also line " + list[0] + ")"
	}
	return " (also lines " + strings.Join(list, ", ") + ")"
}
