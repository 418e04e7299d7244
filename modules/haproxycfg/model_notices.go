// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// noticeItems is the maximum number of words, and of further lines, in a warning.
const noticeItems = 10

// Notes that several keywords share.
const (
	noteNoTables          = "stick tables are not available yet"
	noteNoCopy            = "entries from peers are not copied to another table"
	noteSectionID         = "sections are identified by name: only the fetches fe_id and be_id use it"
	noteBindID            = "only the fetches so_id and so_name use it"
	noteNoStickiness      = "there is no stickiness to configure"
	noteBindTLS           = "TLS is not terminated here in mode tcp, but passed through to the server; in mode http it is terminated"
	noteUnusedCertificate = "it is for TLS that the proxy terminates"
)

// notice is one warning for everything with the same reason: a file with ten thousand servers and
// an unsupported option in each gets one warning.
type notice struct {
	format string // with a verb for the words
	note   string // the note of the keyword, if any
	words  []string
	lines  []haproxyfile.Pos
}

// noticeFormats are the formats of the warnings by grade.
var noticeFormats = map[grade]string{
	pending:  "accepted but not implemented yet: %s: ",
	ignored:  "ignored, without any effect on the traffic: %s: ",
	httpOnly: "ignored in mode tcp, as in HAProxy: %s",
	differs:  "differs from HAProxy: %s: ",
}

// notice adds a word to the warning of its reason.
func (t *translation) notice(pos haproxyfile.Pos, g grade, note, word string) {
	t.collect(pos, noticeFormats[g]+strings.ReplaceAll(note, "%", "%%"), "'"+word+"'").note = note
}

// mootAfter maps the note of a refused keyword to the notes that would then be wrong: those saying
// that nothing needs it.
var mootAfter = map[string][]string{
	noteNoTables:  {noteNoCopy, noteNoStickiness},
	noteBindTLS:   {noteTLS, noteUnusedCertificate},
	noteServerTLS: {noteServerTLS, noteTLS, noteUnusedCertificate},
}

// refuse reports a keyword that is refused, with its note.
func (t *translation) refuse(pos haproxyfile.Pos, note, format string, args ...any) {
	t.refusals = append(t.refusals, note)
	t.errorf(pos, format, args...)
}

// isMoot reports whether a note would be wrong, because a keyword was refused or because the
// configuration uses what the note calls unused.
func (t *translation) isMoot(note string) bool {
	return t.idsUsed && (note == noteSectionID || note == noteBindID) || slices.ContainsFunc(t.refusals, func(refusal string) bool { return slices.Contains(mootAfter[refusal], note) })
}

// collect adds a word to the warning of a format, and returns that.
func (t *translation) collect(pos haproxyfile.Pos, format, what string) *notice {
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
	return n
}

// warnNotices reports the notices as warnings.
func (t *translation) warnNotices() {
	for _, n := range t.notices {
		if t.isMoot(n.note) {
			continue
		}
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
