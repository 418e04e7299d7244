// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

var updateWords = flag.Bool("words", false, "write testdata/words.txt from the haproxy in PATH, which should be the newest")

// wordsFile holds the keywords of the newest HAProxy, one a line after its class. The first line
// names the version.
const wordsFile = "testdata/words.txt"

// listed is a keyword of HAProxy and the table that it belongs to.
type listed struct {
	class, name string
	values      string // the number of words after an option of bind or server, as HAProxy prints it
}

// TestKeywordsOfNewestHAProxy checks that each keyword of the newest HAProxy is in a table.
func TestKeywordsOfNewestHAProxy(t *testing.T) {
	if *updateWords {
		writeWords(t)
	}
	text, err := os.ReadFile(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if !strings.HasPrefix(lines[0], "# HAProxy ") {
		t.Fatalf("%s begins with %q, expected the version", wordsFile, lines[0])
	}
	var words []listed
	for _, line := range lines[1:] {
		fields := strings.Split(line, "\t")
		if len(fields) != 3 {
			t.Fatalf("%s: %q is not a class, a word and what follows it", wordsFile, line)
		}
		words = append(words, listed{fields[0], fields[1], fields[2]})
	}
	checkWords(t, words)
}

// TestKeywordsOfInstalledHAProxy checks the same for the installed HAProxy, which may have
// keywords that the newest lacks.
func TestKeywordsOfInstalledHAProxy(t *testing.T) {
	checkWords(t, parseWords(t, dumpWords(t)))
}

// dumpWords asks the installed HAProxy for its keywords.
func dumpWords(t *testing.T) string {
	t.Helper()
	haproxy := findHAProxy(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte("global\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The exit code is that of a configuration that listens nowhere.
	out, _ := exec.CommandContext(t.Context(), haproxy, "-dKall", "-q", "-c", "-f", file).Output()
	return string(out)
}

func writeWords(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), findHAProxy(t), "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`version ([0-9][0-9a-z.]*(-dev[0-9]+)?)`).FindStringSubmatch(string(out))
	text := "# HAProxy " + version[1] + "\n"
	for _, w := range parseWords(t, dumpWords(t)) {
		text += w.class + "\t" + w.name + "\t" + w.values + "\n"
	}
	if err := os.WriteFile(wordsFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// dumped maps the titles of the lists of -dKall to the class of their words. The words of the CLI
// are not keywords of a configuration.
var dumped = map[string]string{
	"ACL keywords": "acl", "configuration keywords": "cfg", "sample converter functions": "converter",
	"filter names": "filter", "sample fetch functions": "fetch", "service names": "service",
}

// parseWords reads the output of -dKall.
func parseWords(t *testing.T, dump string) (words []listed) {
	t.Helper()
	class, section := "", ""
	for line := range strings.Lines(dump) {
		line = strings.TrimRight(line, "\n")
		if title, ok := strings.CutPrefix(line, "# List of registered "); ok {
			class = dumped[strings.TrimSuffix(title, ":")]
			continue
		}
		fields := strings.Fields(line)
		switch {
		case class == "" || len(fields) == 0 || line[0] == '#':
		case class == "cfg" && line[0] != '\t':
			section = fields[0]
			words = append(words, listed{"section", section, ""})
		case class == "cfg":
			words = append(words, ofConfiguration(section, fields))
		default:
			if class == "fetch" { // after the places where it may be used
				_, line, _ = strings.Cut(line, "] ")
			}
			name := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" (:[", c) })[0]
			words = append(words, listed{class, name, ""})
		}
	}
	if len(words) < 1000 {
		t.Fatalf("found %d words only", len(words))
	}
	slices.SortFunc(words, func(a, b listed) int { return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.name, b.name)) })
	return slices.Compact(words)
}

// rulesets are the keywords with an action after them.
var rulesets = []string{"tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content", "http-request", "http-response", "http-after-response"}

// ofConfiguration returns the keyword in a line of the list of keywords.
func ofConfiguration(section string, fields []string) listed {
	switch fields[0] {
	case "bind", "server":
		i := slices.Index(fields, "<addr>") + 1
		if fields[i] == "ssl" && len(fields) > i+1 {
			i++
		}
		return listed{fields[0], fields[i], strings.Join(fields[i+1:], " ")}
	case "option":
		return listed{section, "option " + fields[1], ""}
	}
	for _, rules := range rulesets {
		if n := strings.Count(rules, " ") + 1; len(fields) > n && strings.Join(fields[:n], " ") == rules {
			return listed{rules, strings.TrimSuffix(fields[n], "*"), ""}
		}
	}
	return listed{section, fields[0], ""}
}

// checkWords reports the words that are in none of the tables.
func checkWords(t *testing.T, words []listed) {
	t.Helper()
	for _, w := range words {
		if !inTables(w) {
			t.Errorf("%s: %q is a keyword of HAProxy and in no table", w.class, w.name)
		} else if n := following(w); n >= 0 && w.values != map[int]string{1: "+1"}[n] && !slices.Contains(readThemselves, w.name) {
			t.Errorf("%s: %q takes %d words, in HAProxy %q", w.class, w.name, n, w.values)
		}
	}
}

func inTables(w listed) bool {
	switch w.class {
	case "section":
		return slices.Contains(haproxyfile.SectionKinds(), w.name)
	case "global":
		return has(globalKeywords, w.name)
	case "listen":
		return has(proxyKeywords, w.name)
	case "bind":
		_, ok := bindOptions[w.name]
		return ok
	case "server":
		_, ok := serverKeywords[w.name]
		return ok
	case "tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content":
		return has(tcpActions, w.name) || has(tcpActions, w.name+"0") // a number follows
	case "http-request", "http-response", "http-after-response":
		of := directions[w.class]
		return httpActionsByName[w.name].in&of != 0 || httpActionsByName[w.name+"0"].in&of != 0
	case "acl":
		_, err := new(sample.Loader).Criterion(sample.Criterion{Fetch: w.name})
		return isKnown(err)
	case "fetch":
		_, err := new(sample.Loader).Expression(w.name)
		return isKnown(err)
	case "converter":
		_, err := new(sample.Loader).Expression("str(a)," + w.name)
		return isKnown(err)
	default: // filters, services and keywords of other sections are refused or ignored as a whole
		return true
	}
}

// readThemselves are options of server whose number of arguments is missing in HAProxy's list.
var readThemselves = []string{"source", "set-proxy-v2-tlv-fmt"}

// following returns the number of words after an option of bind or server in our tables, or -1 for
// other classes.
func following(w listed) int {
	switch w.class {
	case "bind":
		return bindOptions[w.name].values
	case "server":
		return serverKeywords[w.name].values
	default:
		return -1
	}
}

// isKnown reports whether an error about an expression, if any, is not about an unknown name.
func isKnown(err error) bool { return err == nil || !strings.Contains(err.Error(), "unknown ") }

// findHAProxy returns the program in PATH.
func findHAProxy(t *testing.T) string {
	t.Helper()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return haproxy
}

// has reports whether a keyword is in a table, by itself or with a second word.
func has(tab table, name string) bool {
	if tab[name] != nil {
		return true
	}
	for other := range tab {
		if strings.HasPrefix(other, name+" ") {
			return true
		}
	}
	return false
}

// TestUntranslatedSections checks that haproxyfile reads each section that has a note here.
func TestUntranslatedSections(t *testing.T) {
	for kind := range untranslated {
		if !slices.Contains(haproxyfile.SectionKinds(), kind) {
			t.Errorf("%s is not a section", kind)
		}
	}
}
