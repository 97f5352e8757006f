"""Figures of a period, entries by hand, issued reports."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["figures"])
