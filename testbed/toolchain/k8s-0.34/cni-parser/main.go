// Reads CNI configurations as Multus's libraries do, one a line, and says what they are to them.
//
// Each line of standard input is the JSON of a network's `spec.config`. Each gets one line of JSON
// back: `error`, or `name`, `cniVersion` and `plugins` as libcni would hand them on. What host-local
// is to read is given to its own parser too; it is the only one that a library offers.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
)

type answer struct {
	Error      string            `json:"error,omitempty"`
	Name       string            `json:"name,omitempty"`
	CNIVersion string            `json:"cniVersion,omitempty"`
	Plugins    []json.RawMessage `json:"plugins,omitempty"`
}

func load(line []byte) (*libcni.NetworkConfigList, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		return nil, err
	}
	if _, list := keys["plugins"]; list {
		return libcni.NetworkConfFromBytes(line)
	}
	one, err := libcni.NetworkPluginConfFromBytes(line)
	if err != nil {
		return nil, err
	}
	return libcni.ConfListFromConf(one)
}

func read(line []byte) (*answer, error) {
	list, err := load(line)
	if err != nil {
		return nil, err
	}
	if err := utils.ValidateNetworkName(list.Name); err != nil {
		return nil, err
	}
	if !slices.Contains(version.All.SupportedVersions(), list.CNIVersion) {
		return nil, fmt.Errorf("no plugin supports version %q", list.CNIVersion)
	}
	found := &answer{Name: list.Name, CNIVersion: list.CNIVersion}
	for _, plugin := range list.Plugins {
		found.Plugins = append(found.Plugins, plugin.Bytes)
		if plugin.Network.IPAM.Type != "host-local" {
			continue
		}
		given := map[string]interface{}{"name": list.Name, "cniVersion": list.CNIVersion}
		whole, err := libcni.InjectConf(plugin, given)
		if err != nil {
			return nil, err
		}
		if _, _, err := allocator.LoadIPAMConfig(whole.Bytes, ""); err != nil {
			return nil, fmt.Errorf("host-local: %w", err)
		}
	}
	return found, nil
}

func main() {
	input, output := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, end := input.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			found, err := read(line)
			if err != nil {
				found = &answer{Error: err.Error()}
			}
			if err := output.Encode(found); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if end == io.EOF {
			return
		}
		if end != nil {
			fmt.Fprintln(os.Stderr, end)
			os.Exit(1)
		}
	}
}
