// The Kubernetes resource provider, served from its published library.
//
// The library's own main package embeds files that its build generates and its
// module does not hold, so it cannot be built from the module. The two files
// below are in the module; the builder (testbed/building.py) puts them beside a
// copy of this file, which therefore does not compile where it lies.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

// version is set by the builder, so that it stands in one place.
var version string

func main() {
	provider.Serve("kubernetes", version, schema, mapping)
}
