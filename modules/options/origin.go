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

// Origin is the position of a block in a Caddyfile, with the positions of those options whose
// errors show only when the configuration is loaded. In the JSON it is a string of the form
//
//	FILE:LINE WORD=LINES …
//
// LINES are the lines of all options of one kind, in order: 12, or 14-16 for one on each of these
// lines, or FILE:3 or FILE:3-5 for options in an imported file. The name of that file is relative
// to the folder of the first one if it is below it.
type Origin string

// escape escapes the separators of an Origin.
var (
	escape   = strings.NewReplacer("%", "%25", " ", "%20", ",", "%2C", "=", "%3D")
	unescape = strings.NewReplacer("%25", "%", "%20", " ", "%2C", ",", "%3D", "=")
)

// Recorder builds an Origin while a block is parsed, in a Caddyfile or another language.
type Recorder struct {
	file  string
	line  int
	words []string // in order of appearance
	lines map[string][]string
}

// NewRecorder returns a Recorder for the block whose name d is on.
func NewRecorder(d *caddyfile.Dispenser) *Recorder {
	return NewRecorderAt(d.File(), d.Line())
}

// NewRecorderAt returns a Recorder for the block at a line of a file.
func NewRecorderAt(file string, line int) *Recorder {
	return &Recorder{file: file, line: line, lines: make(map[string][]string)}
}

// Note records the position of the option that d is on. A nil Recorder records nothing.
func (r *Recorder) Note(word string, d *caddyfile.Dispenser) {
	if r != nil {
		r.NoteAt(word, d.File(), d.Line())
	}
}

// NoteAt records the position of an option in a file.
func (r *Recorder) NoteAt(word, in string, at int) {
	lines, known := r.lines[word]
	if !known {
		r.words = append(r.words, word)
	}
	line, file := strconv.Itoa(at), ""
	if in != r.file {
		file = escape.Replace(relativeTo(r.file, in)) + ":"
	}
	if known { // does it continue a range?
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

// relativeTo returns the name of an imported file relative to the folder of the importing one, if
// it is below that.
func relativeTo(file, imported string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return imported
	}
	if rel, err := filepath.Rel(filepath.Dir(abs), imported); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return imported
}

// Origin returns the recorded positions.
func (r *Recorder) Origin() Origin {
	var s strings.Builder
	fmt.Fprintf(&s, "%s:%d", escape.Replace(r.file), r.line)
	for _, word := range r.words {
		fmt.Fprintf(&s, " %s=%s", word, strings.Join(r.lines[word], ","))
	}
	return Origin(s.String())
}

// Block returns FILE:LINE of the block, or "" if it is not known.
func (o Origin) Block() string {
	block, _, _ := strings.Cut(string(o), " ")
	return unescape.Replace(block)
}

// Of returns FILE:LINE of the i-th option of a kind, or else of the block.
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

// located is an error with the position of its cause in a Caddyfile.
type located struct {
	where string
	err   error
}

func (l *located) Error() string { return l.err.Error() }
func (l *located) Unwrap() error { return l.err }

// Locate adds a position to an error, unless it is empty or the error has one already.
func Locate(where string, err error) error {
	if l := (*located)(nil); err == nil || where == "" || errors.As(err, &l) {
		return err
	}
	return &located{where, err}
}

// Report prepends the position added by Locate to an error of a module's Provision, logs the error
// and returns it. Caddy prepends the names of all modules to an error that it prints; the log line
// begins with the position in the user's file.
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
