// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"path/filepath"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// tlsOf holds the TLS options of a bind line.
type tlsOf struct {
	on      bool
	crt     []string
	lists   []string
	caFile  string
	verify  string
	alpn    string
	minimum string
}

// bindTLS reads the options of a bind line.
func (s *site) bindTLS(l haproxyfile.Line) (of tlsOf, proxied bool) {
	for words := l.Words[2:]; len(words) > 0; {
		n := min(s.config.BindValues(words[0]), len(words)-1)
		value := ""
		if n > 0 {
			value = words[1]
		}
		switch words[0] {
		case "ssl":
			of.on = true
		case "crt", "default-crt":
			of.crt = append(of.crt, value)
		case "crt-list":
			of.lists = append(of.lists, value)
		case "ca-file":
			of.caFile = value
		case "verify":
			of.verify = value
		case "alpn":
			of.alpn = value
		case "ssl-min-ver":
			of.minimum = value
		case "accept-proxy":
			proxied = true
		}
		words = words[1+n:]
	}
	if !of.on {
		of = tlsOf{}
	}
	return of, proxied
}

// write writes the directives bind and tls.
func (g *group) write(s *site) {
	if g.bind != "" {
		s.line("bind " + quote(g.bind))
	}
	if !g.tls.on {
		return
	}
	for _, list := range g.tls.lists {
		s.untranslated++
		s.line("# NOT TRANSLATED: crt-list " + oneLine(list) + ": write a line 'tls FILE FILE' for each of its certificates")
	}
	var files, directories []string
	for _, crt := range g.tls.crt {
		if crt = within(s.config.CrtBase, crt); s.isDirectory(crt) {
			directories = append(directories, quote(crt))
		} else {
			files = append(files, quote(crt))
		}
	}
	more := g.options(s, directories)
	switch {
	case len(files) > 0:
		s.line("# a crt of HAProxy is one PEM file with the certificate, its chain and the key: it is both files here")
		for _, file := range files[:len(files)-1] {
			s.line("tls " + file + " " + file)
		}
		last := files[len(files)-1]
		s.block("tls "+last+" "+last, more)
	case len(directories) > 0:
		s.line("# 'load' reads all *.pem files of a directory, each with the certificate, its chain and the key")
		s.block("tls", more)
	default:
		s.line("# no crt: the certificate is one of Caddy's own authority")
		s.block("tls internal", more)
	}
}

func (s *site) isDirectory(name string) bool {
	return strings.HasSuffix(name, "/") || s.config.IsDirectory != nil && s.config.IsDirectory(name)
}

// within returns a file name that may be relative to base.
func within(base, name string) string {
	if base == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(base, name)
}

// options returns the lines in the block of the directive tls.
func (g *group) options(s *site, directories []string) (lines []string) {
	if len(directories) > 0 {
		lines = append(lines, "load "+strings.Join(directories, " "))
	}
	if g.tls.alpn != "" {
		lines = append(lines, "alpn "+strings.Join(quoteAll(strings.Split(g.tls.alpn, ",")), " "))
	}
	switch g.tls.minimum {
	case "TLSv1.2":
		lines = append(lines, "protocols tls1.2")
	case "TLSv1.3":
		lines = append(lines, "protocols tls1.3")
	}
	mode := map[string]string{"required": "require_and_verify", "optional": "verify_if_given"}[g.tls.verify]
	if mode != "" && g.tls.caFile != "" {
		lines = append(lines, "client_auth {", "\tmode "+mode, "\ttrust_pool file "+quote(within(s.config.CaBase, g.tls.caFile)), "}")
	}
	return lines
}

func quoteAll(words []string) (out []string) {
	for _, w := range words {
		out = append(out, quote(w))
	}
	return out
}
