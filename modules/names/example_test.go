// SPDX-License-Identifier: Apache-2.0

package names_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

func ExampleTable_Lookup() {
	var table names.Table
	for rule, pattern := range []string{"www.example.com", "*.example.com", ".com"} {
		if err := table.Add(pattern, names.Target{Rule: rule}); err != nil {
			fmt.Println(err)
		}
	}
	for _, name := range []string{"WWW.Example.com.", "mail.example.com", "a.b.example.com", "example.org"} {
		to, ok := table.Lookup(names.Normalize(nil, []byte(name)))
		fmt.Println(name, to.Rule, ok)
	}
	// Output:
	// WWW.Example.com. 0 true
	// mail.example.com 1 true
	// a.b.example.com 2 true
	// example.org 0 false
}

// Within one rule the most specific pattern wins.
func ExampleTable_Lookup_oneRule() {
	var table names.Table
	for value, pattern := range []string{".example.com", "www.example.com"} {
		if err := table.Add(pattern, names.Target{Value: value}); err != nil {
			fmt.Println(err)
		}
	}
	to, _ := table.Lookup([]byte("www.example.com"))
	fmt.Println(to.Value)
	// Output:
	// 1
}

func ExampleTable_Hides() {
	var table names.Table
	if err := table.Add(".example.com", names.Target{Rule: 7}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(table.Hides("*.example.com"))
	fmt.Println(table.Hides("example.com"))
	// Output:
	// 7 true
	// 0 false
}

func ExampleValidate() {
	fmt.Println(names.Validate("*.Example.COM."))
	_, err := names.Validate("*")
	fmt.Println(errors.Is(err, names.ErrPattern), err)
	// Output:
	// *.example.com <nil>
	// true invalid pattern "*": "*" alone, expected "*.example.com"; for all names, use a default
}

func ExampleReadMap() {
	const file = `
# pattern          backend
www.example.com    web
+.api.example.com  api  # and its subdomains
`
	entries, err := names.ReadMap("sites.map", strings.NewReader(file))
	if err != nil {
		fmt.Println(err)
	}
	for _, e := range entries {
		fmt.Printf("%d: %s -> %s\n", e.Line, e.Pattern, e.Value)
	}
	// Output:
	// 3: www.example.com -> web
	// 4: +.api.example.com -> api
}
