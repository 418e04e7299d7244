// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// assets are the files that pages load, by name.
var assets = readAssets()

// version is the hash of all assets. Their addresses have it as a folder, so that browsers may keep
// them forever, and scripts import each other by names alone.
var version = versionOf(assets)

// kinds are the content types of assets.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
}

func readAssets() map[string][]byte {
	const dir = "assets"
	entries, err := assetFiles.ReadDir(dir)
	if err != nil {
		panic(err) // embedded files do not fail
	}
	found := make(map[string][]byte, len(entries))
	for _, e := range entries {
		if found[e.Name()], err = assetFiles.ReadFile(path.Join(dir, e.Name())); err != nil {
			panic(err)
		}
	}
	return found
}

func versionOf(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h.Write(fmt.Appendf(nil, "%s %d\n", name, len(files[name])))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// assetURL returns the address of an asset, relative to the page.
func assetURL(name string) string { return "page/" + version + "/" + name }

// serveAsset answers with an asset, and reports whether it exists. The name may begin with a
// version; one without, or with another, is not kept by browsers.
func serveAsset(w http.ResponseWriter, r *http.Request, name string) bool {
	name, current := strings.CutPrefix(name, version+"/")
	if _, file, below := strings.Cut(name, "/"); below { // another version
		name = file
	}
	body, ok := assets[name]
	if !ok {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", kinds[path.Ext(name)])
	h.Set("ETag", `"`+version+`"`)
	if current {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	return true
}

// modules returns the names of the scripts that page.js imports, for browsers to load early.
func modules() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(assets)) {
		if path.Ext(name) == ".js" && name != "page.js" {
			names = append(names, name)
		}
	}
	return names
}
