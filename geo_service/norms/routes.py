"""Norms: drafts, tried on the past, adopted; leave, weather and substitutes; what is due."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["norms"])
