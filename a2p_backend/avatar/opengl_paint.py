"""The shading of `shading` as an OpenGL shader: ten times as fast where only the picture is wanted."""

from __future__ import annotations

import moderngl
import numpy as np
import torch

from a2p_backend.avatar.shading import (
    DEPTH_REDUCTION,
    GROUND,
    HIGHLIGHT,
    LAMPS,
    RIM,
    SHADE,
    SHADE_DEPTH,
    SHININESS,
    SKY,
    SOFTNESS,
    lamp_directions,
    surroundings_depth,
    vertex_normals,
)
from a2p_backend.avatar.surface import Surface, srgb_from_linear
from kinematics.camera import Camera

_BRIGHTEST = 2.0
"""A factor of light on a skin that eight bits can say."""

_VERTEX_SHADER = """
#version 330
in vec4 clip_position;
in vec3 vertex_position, vertex_normal;
in vec4 vertex_material;
in vec2 vertex_uv;
// At an outline a pixel's middle lies beyond the triangle, where normals turn away: stay within it.
centroid out vec3 position, normal;
centroid out vec4 material;
centroid out float depth;
centroid out vec2 uv;
void main() {
    uv = vertex_uv;
    position = vertex_position;
    normal = vertex_normal;
    material = vertex_material;
    depth = clip_position.w;
    gl_Position = clip_position;
}
"""

_DEPTH_SHADER = """
#version 330
centroid in float depth;
out vec4 fragment;
void main() {
    fragment = vec4(depth, 0.0, 0.0, 1.0);
}
"""


def _vector(values: tuple[float, ...]) -> str:
    return f"vec3({', '.join(map(str, values))})"


_LIGHT_SHADER = f"""
#version 330
uniform vec3 camera_centre;
uniform vec3 lamps[3];
uniform vec2 picture_size;
uniform sampler2D surroundings;
uniform sampler2D skin;
uniform bool has_skin;
uniform sampler2D light_on_skin;
uniform bool has_light;
centroid in vec3 position, normal;
centroid in vec4 material;
centroid in float depth;
centroid in vec2 uv;
out vec4 fragment;

const vec3 lamp_colours[3] = vec3[]({", ".join(_vector(colour) for _, colour in LAMPS)});
const vec3 sky = {_vector(SKY)}, ground = {_vector(GROUND)}, softness = {_vector(SOFTNESS)};

void main() {{
    vec3 toward = normalize(camera_centre - position);
    vec3 n = normalize(normal);
    float facing = dot(n, toward);
    // At outlines the smooth normal of a face that is seen may look away: no further than to the side.
    n = normalize(n - min(facing, 0.0) * toward);
    facing = max(facing, 0.0);
    vec3 light = mix(ground, sky, 0.5 + 0.5 * n.z);
    vec3 incidence = vec3(0.0);
    for (int i = 0; i < 3; ++i) {{
        incidence = max((dot(n, lamps[i]) + softness) / (1.0 + softness), 0.0);
        light += incidence * lamp_colours[i];
    }}
    vec3 edge = pow(1.0 - facing, 4.0) * incidence;
    float gleam = max(dot(n, normalize(toward + lamps[0])), 0.0);
    float behind = depth - texture(surroundings, gl_FragCoord.xy / picture_size).r;
    float unshaded = 1.0 - {SHADE} * clamp(behind / {SHADE_DEPTH}, 0.0, 1.0);
    float gloss = material.a;
    float exponent = {SHININESS[0]} * pow({SHININESS[1] / SHININESS[0]}, gloss);
    vec3 albedo = has_skin ? texture(skin, uv).rgb : material.rgb;
    vec3 lit = has_light ? {_BRIGHTEST} * texture(light_on_skin, uv).rgb : vec3(1.0);
    vec3 diffuse = albedo / {np.pi} * light;
    vec3 colour = (diffuse + {RIM} * edge * lamp_colours[2]) * unshaded
        + {HIGHLIGHT} * gloss * gloss * gloss * pow(gleam, exponent);
    fragment = vec4(colour * lit, 1.0);
}}
"""

_SAMPLES = 4
_SRGB8_ALPHA8 = 0x8C43


class Painter:
    """Programs and buffers that draw one surface again and again with a camera of one size."""

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._light = context.program(vertex_shader=_VERTEX_SHADER, fragment_shader=_LIGHT_SHADER)
        self._depth = context.program(vertex_shader=_VERTEX_SHADER, fragment_shader=_DEPTH_SHADER)
        self._mesh: _Mesh | None = None
        self._targets: _Targets | None = None

    def paint(
        self, surface: Surface, vertices: torch.Tensor, clip: np.ndarray, camera: Camera
    ) -> torch.Tensor:
        """See `Rasteriser.paint`; `clip` (V, 4) are the vertices in clip space."""
        mesh, targets = self._mesh_of(surface), self._targets_of(camera)
        normals = vertex_normals(vertices, surface.faces).numpy()
        mesh.vertices.write(mesh.at_corners(np.hstack([clip, vertices.numpy(), normals]).astype(np.float32)))

        # Clip space has y downward, which turns faces over: those to leave out are OpenGL's front faces.
        self._context.enable(moderngl.CULL_FACE)
        self._context.cull_face = "front"
        targets.small.use()
        targets.small.clear()
        mesh.depth.render(moderngl.TRIANGLES)
        depth = np.empty((targets.small.height, targets.small.width), np.float32)
        targets.small.read_into(depth, components=1, dtype="f4")
        targets.surroundings.write(surroundings_depth(torch.from_numpy(depth), camera).numpy())

        self._light["camera_centre"] = tuple(camera.centre)
        self._light["lamps"] = [tuple(lamp) for lamp in lamp_directions(camera)]
        self._light["picture_size"] = (camera.width, camera.height)
        targets.surroundings.use(0)
        self._light["surroundings"], self._light["skin"] = 0, 1
        self._light["has_skin"] = mesh.skin is not None
        if mesh.skin is not None:
            mesh.skin.use(1)
        self._light["light_on_skin"] = 2
        self._light["has_light"] = surface.light is not None
        if surface.light is not None:
            mesh.light_texture(surface.light).use(2)
        targets.many.use()
        targets.many.clear()
        mesh.light.render(moderngl.TRIANGLES)
        self._context.disable(moderngl.CULL_FACE)
        self._context.copy_framebuffer(targets.one, targets.many)
        picture = np.empty((camera.height, camera.width, 4), np.float32)
        targets.one.read_into(picture, components=4, dtype="f4")
        return torch.from_numpy(picture)

    def release(self) -> None:
        for held in (self._mesh, self._targets):
            if held is not None:
                held.release()
        self._light.release()
        self._depth.release()

    def _mesh_of(self, surface: Surface) -> _Mesh:
        # Under another light a surface is another one, but its buffers are the same.
        if self._mesh is None or self._mesh.surface.faces is not surface.faces:
            if self._mesh is not None:
                self._mesh.release()
            self._mesh = _Mesh(self._context, surface, self._light, self._depth)
        return self._mesh

    def _targets_of(self, camera: Camera) -> _Targets:
        size = (camera.width, camera.height)
        if self._targets is None or self._targets.one.size != size:
            if self._targets is not None:
                self._targets.release()
            self._targets = _Targets(self._context, size)
        return self._targets


class _Mesh:
    """Buffers of a surface, those that change with the pose and those that do not, as programs read them."""

    def __init__(
        self,
        context: moderngl.Context,
        surface: Surface,
        light: moderngl.Program,
        depth: moderngl.Program,
    ) -> None:
        self.surface, self._context = surface, context
        self._lit: tuple[torch.Tensor, moderngl.Texture] | None = None
        skin = surface.skin
        self._source = None if skin is None else skin.source.cpu().numpy()
        self.skin = None if skin is None else _skin_texture(context, skin.texture)
        material = torch.cat([surface.albedo, surface.gloss[:, None]], dim=1).cpu().numpy()
        uvs = np.zeros((len(material), 2)) if skin is None else skin.uvs.cpu().numpy()
        corners = surface.faces if skin is None else skin.corners
        shown = np.hstack([self.at_corners(material), uvs]).astype(np.float32)
        self.vertices = context.buffer(reserve=len(shown) * 40, dynamic=True)
        self._material = context.buffer(shown.tobytes())
        self._faces = context.buffer(corners.cpu().numpy().astype(np.uint32).tobytes())
        content = [
            (self.vertices, "4f 3f 3f", "clip_position", "vertex_position", "vertex_normal"),
            (self._material, "4f 2f", "vertex_material", "vertex_uv"),
        ]
        self.light = context.vertex_array(light, content, index_buffer=self._faces)
        self.depth = context.vertex_array(
            depth, [(self.vertices, "4f 24x", "clip_position")], index_buffer=self._faces
        )

    def at_corners(self, values: np.ndarray) -> np.ndarray:
        """Values of vertices (V, C) as the buffers hold them."""
        return values if self._source is None else values[self._source]

    def light_texture(self, light: torch.Tensor) -> moderngl.Texture:
        """Factors (3, S, S) from 0 to `_BRIGHTEST` as a texture, in eight bits."""
        size = (light.shape[2], light.shape[1])
        if self._lit is None or self._lit[1].size != size:
            if self._lit is not None:
                self._lit[1].release()
            self._lit = (torch.empty(0), self._context.texture(size, 4))
        shown, texture = self._lit
        if shown is not light:
            pixels = torch.empty((*light.shape[1:], 4), dtype=torch.uint8)
            levels = (light.cpu() * (255.0 / _BRIGHTEST)).round_().clamp_(0.0, 255.0)
            pixels[..., :3] = levels.permute(1, 2, 0)
            texture.write(pixels.numpy())
            self._lit = (light, texture)
        return texture

    def release(self) -> None:
        if self._lit is not None:
            self._lit[1].release()
        for resource in (self.light, self.depth, self.vertices, self._material, self._faces, self.skin):
            if resource is not None:
                resource.release()


def _skin_texture(context: moderngl.Context, texture: torch.Tensor) -> moderngl.Texture:
    """A linear texture (H, W, 3), its first row where v is 0, with smaller copies for the distance.

    Eight bits as sRGB: software drivers read them twice as fast as floats.
    """
    height, width, _ = texture.shape
    pixels = torch.full((height, width, 4), 255, dtype=torch.uint8)
    pixels[..., :3] = (255.0 * srgb_from_linear(texture.cpu())).round().to(torch.uint8)
    uploaded = context.texture((width, height), 4, pixels.numpy().tobytes(), internal_format=_SRGB8_ALPHA8)
    uploaded.build_mipmaps()
    uploaded.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
    return uploaded


class _Targets:
    """Framebuffers of one size: many samples a pixel, one sample a pixel, and a small depth picture."""

    def __init__(self, context: moderngl.Context, size: tuple[int, int]) -> None:
        small = tuple(max(1, side // DEPTH_REDUCTION) for side in size)
        samples = min(_SAMPLES, context.max_samples)
        self._attachments = [
            context.renderbuffer(size, 4, samples=samples, dtype="f2"),
            context.depth_renderbuffer(size, samples=samples),
            context.renderbuffer(size, 4, dtype="f2"),
            context.renderbuffer(small, 1, dtype="f4"),
            context.depth_renderbuffer(small),
        ]
        many, many_depth, one, few, few_depth = self._attachments
        self.many = context.framebuffer(many, many_depth)
        self.one = context.framebuffer(one)
        self.small = context.framebuffer(few, few_depth)
        self.surroundings = context.texture(small, 1, dtype="f4")
        self.surroundings.repeat_x = self.surroundings.repeat_y = False

    def release(self) -> None:
        for resource in (self.many, self.one, self.small, self.surroundings, *self._attachments):
            resource.release()
