// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	utls "github.com/refraction-networking/utls"
)

// utlsTable has all IDs of utls except those in utlsExceptions and the aliases.
var utlsTable = []struct {
	name string
	id   utls.ClientHelloID
}{
	{"HelloGolang", utls.HelloGolang},
	// Not every seed works: crypto/tls asks a client that lists X25519MLKEM768 without sending a share
	// for one, and utls cannot answer that.
	{"HelloRandomized", seeded(utls.HelloRandomized, 2)},
	{"HelloRandomized", seeded(utls.HelloRandomized, 8)},
	{"HelloRandomized", seeded(utls.HelloRandomized, 10)},
	{"HelloRandomized", seeded(utls.HelloRandomized, 21)},
	{"HelloRandomizedALPN", seeded(utls.HelloRandomizedALPN, 13)},
	{"HelloRandomizedNoALPN", seeded(utls.HelloRandomizedNoALPN, 18)},
	{"HelloFirefox_55", utls.HelloFirefox_55},
	{"HelloFirefox_56", utls.HelloFirefox_56},
	{"HelloFirefox_63", utls.HelloFirefox_63},
	{"HelloFirefox_65", utls.HelloFirefox_65},
	{"HelloFirefox_99", utls.HelloFirefox_99},
	{"HelloFirefox_102", utls.HelloFirefox_102},
	{"HelloFirefox_105", utls.HelloFirefox_105},
	{"HelloFirefox_120", utls.HelloFirefox_120},
	{"HelloChrome_58", utls.HelloChrome_58},
	{"HelloChrome_62", utls.HelloChrome_62},
	{"HelloChrome_70", utls.HelloChrome_70},
	{"HelloChrome_72", utls.HelloChrome_72},
	{"HelloChrome_83", utls.HelloChrome_83},
	{"HelloChrome_87", utls.HelloChrome_87},
	{"HelloChrome_96", utls.HelloChrome_96},
	{"HelloChrome_100", utls.HelloChrome_100},
	{"HelloChrome_102", utls.HelloChrome_102},
	{"HelloChrome_106_Shuffle", utls.HelloChrome_106_Shuffle},
	{"HelloChrome_100_PSK", utls.HelloChrome_100_PSK},
	{"HelloChrome_112_PSK_Shuf", utls.HelloChrome_112_PSK_Shuf},
	{"HelloChrome_114_Padding_PSK_Shuf", utls.HelloChrome_114_Padding_PSK_Shuf},
	{"HelloChrome_115_PQ", utls.HelloChrome_115_PQ},
	{"HelloChrome_115_PQ_PSK", utls.HelloChrome_115_PQ_PSK},
	{"HelloChrome_120", utls.HelloChrome_120},
	{"HelloChrome_120_PQ", utls.HelloChrome_120_PQ},
	{"HelloChrome_131", utls.HelloChrome_131},
	{"HelloChrome_133", utls.HelloChrome_133},
	{"HelloIOS_11_1", utls.HelloIOS_11_1},
	{"HelloIOS_12_1", utls.HelloIOS_12_1},
	{"HelloIOS_13", utls.HelloIOS_13},
	{"HelloIOS_14", utls.HelloIOS_14},
	{"HelloAndroid_11_OkHttp", utls.HelloAndroid_11_OkHttp},
	{"HelloEdge_85", utls.HelloEdge_85},
	{"HelloEdge_106", utls.HelloEdge_106},
	{"HelloSafari_16_0", utls.HelloSafari_16_0},
	{"Hello360_7_5", utls.Hello360_7_5},
	{"Hello360_11_0", utls.Hello360_11_0},
	{"HelloQQ_11_1", utls.HelloQQ_11_1},
}

// utlsExceptions are the IDs without a client, with the reasons.
var utlsExceptions = map[string]string{
	"HelloCustom": "has no hello of its own: it stands for one that the caller writes",
}

// seeded returns one client of an ID that stands for many.
func seeded(id utls.ClientHelloID, seed byte) utls.ClientHelloID {
	id.Seed = &utls.PRNGSeed{seed}
	return id
}

// utlsClients returns the clients of e that use utls.
func utlsClients(e *echo) (all []client) {
	for _, u := range utlsTable {
		name := u.name
		if u.id.Seed != nil {
			name += fmt.Sprintf(" seed %d", u.id.Seed[0])
		}
		config := &utls.Config{RootCAs: e.roots, OmitEmptyPsk: true}
		c := utlsClient(name, u.id, config)
		switch {
		case u.id == utls.HelloGolang: // not made of known extensions
			c.want = &shown{Version: "1.3", PQ: true}
			all = append(all, c)
		case u.id == utls.HelloChrome_120:
			all = append(all, withPadding(c, true), withPadding(c, false))
		case strings.Contains(name, "_PSK"): // resumes a session on the second visit
			config = config.Clone()
			config.ClientSessionCache = new(sessionCache[utls.ClientSessionState])
			all = append(all, c, resuming(utlsClient(name+" resuming", u.id, config)))
		default:
			all = append(all, c)
		}
	}
	return all
}

// withPadding pins down a client that may or may not pad: padding depends on the length of the
// GREASE for ECH, which is random.
func withPadding(c client, yes bool) client {
	c.name += map[bool]string{true: " with padding", false: " without padding"}[yes]
	open := c.open
	c.open = func(conn net.Conn, sni string) conversation {
		for {
			u := open(conn, sni).(*utls.UConn)
			if u.BuildHandshakeState() != nil || isPadded(u) == yes {
				return u
			}
		}
	}
	return c
}

func isPadded(u *utls.UConn) bool {
	return slices.ContainsFunc(u.Extensions, func(extension utls.TLSExtension) bool {
		padding, ok := extension.(*utls.UtlsPaddingExtension)
		return ok && padding.WillPad
	})
}

func utlsClient(name string, id utls.ClientHelloID, config *utls.Config) client {
	return client{name: name, open: func(c net.Conn, sni string) conversation {
		config := config.Clone()
		config.ServerName = sni
		return utls.UClient(c, config, id)
	}}
}

// Every ID that utls exports has a client, or a reason for its absence.
func TestEveryUTLSClientIsTested(t *testing.T) {
	known := make(map[string]bool)
	for _, u := range utlsTable {
		known[u.name] = true
	}
	ids, aliases := utlsIDs(t)
	for name, id := range aliases {
		if !known[id] || known[name] {
			t.Errorf("%s is an alias of %s: expected a client for the latter only", name, id)
		}
	}
	for name := range ids {
		if _, except := utlsExceptions[name]; known[name] == except {
			t.Errorf("%s: expected either a client or an exception", name)
		}
	}
	for name := range known {
		if !ids[name] {
			t.Errorf("utls has no ID %s", name)
		}
	}
	t.Logf("%d IDs, %d aliases, %d exceptions", len(ids), len(aliases), len(utlsExceptions))
}

// utlsIDs reads the names of the IDs from the source of utls, and which of these are aliases.
func utlsIDs(t *testing.T) (ids map[string]bool, aliases map[string]string) {
	t.Helper()
	dir := strings.TrimSpace(string(output(t, "", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/refraction-networking/utls")))
	files, err := filepath.Glob(filepath.Join(dir, "u_*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of utls in %q (%v)", dir, err)
	}
	ids, aliases = make(map[string]bool), make(map[string]string)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Hello") {
				return true
			}
			switch value := spec.Values[0].(type) {
			case *ast.Ident:
				aliases[spec.Names[0].Name] = value.Name
			case *ast.CompositeLit:
				ids[spec.Names[0].Name] = true
			}
			return false
		})
	}
	return ids, aliases
}
