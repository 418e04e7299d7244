// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// placeholder matches a placeholder. Its contents may have colons and slashes.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// isAddress reports whether a word is the address of a server, and not a name.
func isAddress(word string) bool {
	word = placeholder.ReplaceAllString(word, "")
	return !strings.Contains(word, "://") && (strings.HasPrefix(word, "unix/") || strings.HasPrefix(word, "abns/") || strings.Contains(word, ":"))
}

// validateWrittenName validates a name in a Caddyfile. Placeholders are replaced when the
// configuration is loaded.
func validateWrittenName(name string) error {
	switch {
	case placeholder.MatchString(name):
		return nil
	case strings.Contains(name, "://"):
		return fmt.Errorf("%q is a URL: expected a name, such as git.example.com, or an address, such as 10.0.0.5:443", name)
	case strings.HasPrefix(name, "@"), strings.HasPrefix(name, "/"):
		return fmt.Errorf("%q is a request matcher: expected names, such as git.example.com: the TLS server name decides, before there is a request", name)
	case name == "*":
		return errors.New("\"*\" alone: expected names, such as *.example.com; for the names that no site has write passthrough { default_backend NAME }")
	}
	_, err := normalizeName(name)
	return err
}

// validateWritten checks the block as a whole, which begins at begin.
func (s *Site) validateWritten(begin *caddyfile.Dispenser) error {
	if err := s.validateBackend(); err != nil {
		return begin.Errf("passthrough %s: %w", s.Names[0], err)
	}
	if s.BackendName != "" {
		return nil
	}
	return s.ValidateWritten(begin, s.Names[0])
}

// validateNew returns an error if the wrapper has one of the names of a site already.
func (w *Wrapper) validateNew(s *Site) error {
	known := make(map[string]*Site)
	for _, s := range slices.Concat(w.Sites, []*Site{s}) {
		for _, name := range s.Names {
			if normalized, err := normalizeName(name); err == nil {
				name = normalized
			}
			if other := known[name]; other != nil {
				return fmt.Errorf("passthrough %s: %w", name, twice(other))
			}
			known[name] = s
		}
	}
	return nil
}

// mainFile is the word of an origin for the Caddyfile itself, where a site is in an imported file.
const mainFile = "main"

// noteMainFile records the Caddyfile that imports the file of d.
func (s *Site) noteMainFile(d *caddyfile.Dispenser) {
	if importer := importerOf(d); importer != "" {
		at := caddyfile.NewDispenser([]caddyfile.Token{{File: importer, Line: 1}})
		at.Next()
		s.NoteLine(mainFile, at)
	}
}

// importChain matches the end of an error in an imported file. The last of the chain is the
// Caddyfile itself.
var importChain = regexp.MustCompile(` import chain \['(?:.*',')?(.*):\d+ \(import.*\)'\]$`)

// importerOf returns the file that imports that of d, if any.
func importerOf(d *caddyfile.Dispenser) string {
	found := importChain.FindStringSubmatch(d.Err("").Error())
	if found == nil {
		return ""
	}
	return found[1]
}

// caddyfile returns the name of the Caddyfile; empty if it is not known.
func (s *Site) caddyfile() string {
	own, file := fileOf(s.Origin.Block()), fileOf(s.Origin.Of(mainFile, 0))
	beside := filepath.Join(filepath.Dir(own), file)
	if _, err := os.Stat(beside); err == nil && own != file && !filepath.IsAbs(file) {
		return beside // an origin shortens the names of other files, where it can
	}
	return file
}

// fileOf returns the file of FILE:LINE.
func fileOf(place string) string { return place[:max(0, strings.LastIndexByte(place, ':'))] }
