// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
)

// Origin says where in a Caddyfile a block stands, and those of its options that
// can be wrong in a way that shows only when the configuration is loaded. It is
// one text in the JSON, of the form
//
//	FILE:LINE WORD=LINES …
//
// where LINES are those of the options of one kind in their order: 12, or 14-16 for
// one on each of these lines, or FILE:3 or FILE:3-5 where they stand in a file that is
// imported, whose name is relative to the folder of the first if it is below that.
type Origin string

// escape keeps apart what stands between the parts of an Origin.
var (
	escape   = strings.NewReplacer("%", "%25", " ", "%20", ",", "%2C", "=", "%3D")
	unescape = strings.NewReplacer("%25", "%", "%20", " ", "%2C", ",", "%3D", "=")
)

// Recorder makes an Origin while a block is parsed, or what stands for one in another
// language than the Caddyfile's.
type Recorder struct {
	file  string
	line  int
	words []string // in order of appearance
	lines map[string][]string
}

// NewRecorder begins with the block whose name d stands on.
func NewRecorder(d *caddyfile.Dispenser) *Recorder {
	return NewRecorderAt(d.File(), d.Line())
}

// NewRecorderAt begins with a line of a file.
func NewRecorderAt(file string, line int) *Recorder {
	return &Recorder{file: file, line: line, lines: make(map[string][]string)}
}

// Note notes the option that d stands on, as another one of its kind. A nil
// Recorder notes nothing.
func (r *Recorder) Note(word string, d *caddyfile.Dispenser) {
	if r != nil {
		r.NoteAt(word, d.File(), d.Line())
	}
}

// NoteAt notes an option in a line of a file, as another one of its kind.
func (r *Recorder) NoteAt(word, in string, at int) {
	lines, known := r.lines[word]
	if !known {
		r.words = append(r.words, word)
	}
	line, file := strconv.Itoa(at), ""
	if in != r.file {
		file = escape.Replace(below(r.file, in)) + ":"
	}
	if known { // does it go on from the one before?
		last := lines[len(lines)-1]
		first, end, isRange := strings.Cut(last[strings.LastIndexByte(last, ':')+1:], "-")
		if !isRange {
			end = first
		}
		if n, err := strconv.Atoi(end); err == nil && n+1 == at && strings.HasPrefix(last, file+first) {
			lines[len(lines)-1] = file + first + "-" + line
			return
		}
	}
	r.lines[word] = append(lines, file+line)
}

// below returns the name of an imported file relative to the folder of the one that
// imports it, if it is below that.
func below(file, imported string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return imported
	}
	if rel, err := filepath.Rel(filepath.Dir(abs), imported); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return imported
}

// Origin returns what has been noted.
func (r *Recorder) Origin() Origin {
	var s strings.Builder
	fmt.Fprintf(&s, "%s:%d", escape.Replace(r.file), r.line)
	for _, word := range r.words {
		fmt.Fprintf(&s, " %s=%s", word, strings.Join(r.lines[word], ","))
	}
	return Origin(s.String())
}

// Block returns FILE:LINE of the block; empty if it is not known.
func (o Origin) Block() string {
	block, _, _ := strings.Cut(string(o), " ")
	return unescape.Replace(block)
}

// Of returns FILE:LINE of an option, the i-th of its kind, or else of the block.
func (o Origin) Of(word string, i int) string {
	block, rest, _ := strings.Cut(string(o), " ")
	for part := range strings.FieldsSeq(rest) {
		lines, ok := strings.CutPrefix(part, word+"=")
		if !ok {
			continue
		}
		for item := range strings.SplitSeq(lines, ",") {
			file := block[:max(0, strings.LastIndexByte(block, ':'))]
			if colon := strings.LastIndexByte(item, ':'); colon >= 0 {
				file, item = item[:colon], item[colon+1:]
			}
			first, last, isRange := strings.Cut(item, "-")
			if !isRange {
				last = first
			}
			from, _ := strconv.Atoi(first)
			to, _ := strconv.Atoi(last)
			if from+i <= to {
				return fmt.Sprintf("%s:%d", unescape.Replace(file), from+i)
			}
			i -= to - from + 1
		}
	}
	return o.Block()
}

// located is an error of something that stands somewhere in a Caddyfile.
type located struct {
	where string
	err   error
}

func (l *located) Error() string { return l.err.Error() }
func (l *located) Unwrap() error { return l.err }

// Locate adds to an error where the thing that is wrong stands, if that is known
// and the error has no place yet.
func Locate(where string, err error) error {
	if l := (*located)(nil); err == nil || where == "" || errors.As(err, &l) {
		return err
	}
	return &located{where, err}
}

// Report returns an error of a module's Provision with the place that Locate has
// given it in front, and logs it. Caddy puts the names of all modules around it
// before an error that it prints: the line in the log begins with what the user
// has written.
func Report(log *zap.Logger, err error) error {
	if err == nil {
		return nil
	}
	if l := (*located)(nil); errors.As(err, &l) {
		err = fmt.Errorf("%s: %w", l.where, err)
	}
	log.Error(err.Error())
	return err
}
